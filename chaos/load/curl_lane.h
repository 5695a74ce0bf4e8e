/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A multi handle on a load thread's loop, with the descriptors that it opened.
 * libcurl says which descriptors and which time it waits for; the loop says
 * when.  A load thread owns all that is in here.
 */
#ifndef GD_LOAD_CURL_LANE_H
#define GD_LOAD_CURL_LANE_H

#include "chaos/load/curl.h"

struct curl_lane;

/* Of one load thread; all its lanes. */
struct curl_host {
	struct conn_host *conns;
	struct curl_sock **socks;	/* by descriptor; NULL: none of ours */
	size_t n_socks;
	struct curl_lane *shared;	/* lanes of targets with streams */
	bool reset;		/* descriptors that libcurl closes get an RST */
	bool said;		/* why a handshake failed: once is enough */
};

struct curl_lane {
	struct curl_host *host;
	CURLM *multi;		/* NULL: nothing is open */
	struct loop_timer timer;	/* libcurl's */
	struct loop_timer late;	/* something ended while a user asked */
	uint16_t target;
	unsigned users;		/* who hold a place; 0: it may be freed */
	unsigned out;		/* exchanges */
	unsigned socks;		/* open */
	bool adding, draining;
	struct curl_lane *next;	/* in host->shared */
};

/* One user's side; conn.curl. */
struct curl_user {
	struct conn *conn;
	struct curl_lane *lane;	/* NULL: has no place */
	CURL *easy;
	const struct curl_target *set;	/* what easy is set up for */
	struct curl_request request;
	struct loop_timer timer;	/* connect, then first byte */
	bool awaits_byte;	/* easy says when the answer begins */
	bool out;		/* its exchange is in the lane */
	bool reuse;		/* it is to go on a connection that is there */
	struct buf body, decoded, head;	/* what the request keeps */
	struct http1_field *fields;	/* of head */
	size_t n_fields, cap_fields;
	uint64_t body_seen;
	char why[CURL_ERROR_SIZE];
};

struct curl_host *curl_host_new(struct conn_host *conns);
void curl_host_free(struct curl_host *h);	/* after its lanes */

/* A place in a lane of the request's target. NULL: no handle is left. */
struct curl_lane *curl_lane_join(struct curl_host *h, const struct request *r);
/* Its multi handle, after all that was open was closed. */
bool curl_lane_open(struct curl_lane *lane);
/* Gives it back; the last one closes what is open, and frees the lane. */
void curl_lane_leave(struct curl_lane *lane);
/* Starts u's exchange; its end comes by curl_user_ended(). */
bool curl_lane_add(struct curl_lane *lane, struct curl_user *u);
/* Takes it out unfinished: the connection, or only the stream, is reset. */
void curl_lane_remove(struct curl_lane *lane, struct curl_user *u);
/* Callbacks of u's easy handle: a socket to a checked address; its end. */
curl_socket_t curl_lane_socket(void *user, curlsocktype purpose,
			       struct curl_sockaddr *to);
int curl_lane_socket_close(void *host, curl_socket_t fd);

/* curl.c. Not from within libcurl: it may begin the next exchange. */
void curl_user_ended(struct curl_user *u, CURLcode code);

#endif
