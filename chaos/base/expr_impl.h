/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a condition: between expr_parse.c and expr_eval.c only. */
#ifndef GD_BASE_EXPR_IMPL_H
#define GD_BASE_EXPR_IMPL_H

#include <stdbool.h>

#include "chaos/base/expr.h"

enum {
	EXPR_TEXT_MAX = 4096,	/* bytes */
	EXPR_NODES_MAX = 256,	/* bounds the recursion of an evaluation too */
	EXPR_DEPTH_MAX = 32,	/* parentheses and signs */
};

/* Numbers come before truth values: expr_kind_is_cond(). */
enum expr_kind {
	EXPR_KIND_NUM,
	EXPR_KIND_REF,
	EXPR_KIND_NEG,		/* of left */
	EXPR_KIND_ADD,
	EXPR_KIND_SUB,
	EXPR_KIND_MUL,
	EXPR_KIND_DIV,
	EXPR_KIND_GT,
	EXPR_KIND_GE,
	EXPR_KIND_LT,
	EXPR_KIND_LE,
	EXPR_KIND_EQ,
	EXPR_KIND_NE,
	EXPR_KIND_AND,
	EXPR_KIND_OR,
};

struct expr_node {
	enum expr_kind kind;
	int left, right;	/* indexes into nodes; -1: none */
	double num;
	struct expr_ref ref;	/* its strings are the node's own */
};

struct expr {
	char *text;
	struct expr_node *nodes;
	int n, cap;
	int root;
	nsec_t hold, within;	/* drill ns; 0: none */
};

/* By its name, n bytes at s; NULL: there is none such. */
const struct expr_func *expr_func_find(const char *s, int n);

static inline bool expr_kind_is_cond(enum expr_kind kind)
{
	return kind >= EXPR_KIND_GT;
}

#endif
