/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys from files to OpenSSL's objects. */
#include "chaos/load/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include "chaos/base/mem.h"

struct tls {
	X509_STORE *store;	/* who is trusted */
	X509 *cert;		/* the client's, or NULL */
	EVP_PKEY *key;
	STACK_OF(X509) *chain;	/* what stands behind cert in its file */
};

/* The first of OpenSSL's reasons, and none left for the next. */
static const char *reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	if (code && ERR_GET_LIB(code) == ERR_LIB_SYS)
		text = strerror(ERR_GET_REASON(code));
	ERR_clear_error();
	return text ? text : "it cannot be read";
}

static int store_load(struct tls *t, const char *ca, struct err *err)
{
	int ok;

	t->store = X509_STORE_new();
	/* As curl does: who is listed is trusted, root or not. */
	X509_STORE_set_flags(t->store,
			     X509_V_FLAG_TRUSTED_FIRST |
				     X509_V_FLAG_PARTIAL_CHAIN);
	if (ca)
		ok = X509_STORE_load_file(t->store, ca);
	else
		ok = X509_STORE_set_default_paths(t->store);
	if (ok == 1)
		return 0;
	return err_set(err, -EINVAL, "no certificates in '%s': %s",
		       ca ? ca : "the system's store", reason());
}

static int cert_load(struct tls *t, const char *path, struct err *err)
{
	BIO *bio = BIO_new_file(path, "r");
	X509 *more;

	if (bio)
		t->cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	if (!t->cert) {
		BIO_free(bio);
		return err_set(err, -EINVAL, "no certificate in '%s': %s",
			       path, reason());
	}
	t->chain = sk_X509_new_null();
	while ((more = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		sk_X509_push(t->chain, more);
	ERR_clear_error();
	BIO_free(bio);
	return 0;
}

/* Nobody is there to be asked for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int key_load(struct tls *t, const char *path, struct err *err)
{
	BIO *bio = BIO_new_file(path, "r");

	if (bio)
		t->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase,
						 NULL);
	BIO_free(bio);
	if (!t->key)
		return err_set(err, -EINVAL, "no key without a passphrase in "
			       "'%s': %s", path, reason());
	if (X509_check_private_key(t->cert, t->key) != 1)
		return err_set(err, -EINVAL, "the key in '%s' is not the "
			       "certificate's: %s", path, reason());
	return 0;
}

int tls_load(const char *ca, const char *cert, const char *key,
	     struct tls **ret, const char **ret_at, struct err *err)
{
	struct tls *t = mem_zalloc(sizeof(*t));
	int rc;

	ERR_clear_error();
	*ret_at = "ca";
	rc = store_load(t, ca, err);
	if (rc == 0 && cert) {
		*ret_at = "cert";
		rc = cert_load(t, cert, err);
	}
	if (rc == 0 && cert) {
		if (key)
			*ret_at = "key";
		rc = key_load(t, key ? key : cert, err);
	}
	if (rc < 0) {
		tls_free(t);
		return rc;
	}
	*ret = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	X509_STORE_free(t->store);
	X509_free(t->cert);
	EVP_PKEY_free(t->key);
	sk_X509_pop_free(t->chain, X509_free);
	mem_free(t);
}

/* OpenSSL would look for an issuer, and read /etc/ssl/certs twice for it. */
static int verify_nothing(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

bool tls_apply(const struct tls *t, void *ssl_ctx, bool http2, bool verify)
{
	static const unsigned char alpn[] = "\x02h2\x08http/1.1";
	SSL_CTX *ctx = ssl_ctx;

	/* libcurl 7.88 offers it for requests, and not for a mere connect. */
	if (http2)
		SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1);
	/* Takes a reference: its certificates are read once for all. */
	SSL_CTX_set1_cert_store(ctx, t->store);
	if (!verify)
		SSL_CTX_set_cert_verify_callback(ctx, verify_nothing, NULL);
	if (!t->cert)
		return true;
	return SSL_CTX_use_cert_and_key(ctx, t->cert, t->key, t->chain, 1) ==
	       1;
}

static int watch_index = -1;

static void watch_state(const SSL *ssl, int where, int value)
{
	bool *ret = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), watch_index);
	const unsigned char *alpn = NULL;
	unsigned len = 0;

	(void)value;
	if (!(where & SSL_CB_HANDSHAKE_DONE))
		return;
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	*ret = len == 2 && memcmp(alpn, "h2", 2) == 0;
}

void tls_watch_http2(void *ssl_ctx, bool *ret)
{
	if (watch_index < 0)
		watch_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL,
						       NULL);
	SSL_CTX_set_ex_data(ssl_ctx, watch_index, ret);
	SSL_CTX_set_info_callback(ssl_ctx, watch_state);
}
