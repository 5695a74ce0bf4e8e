// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.delay without a kernel that has netem: what is rendered, what is
 * refused, and the undo of a root qdisc in a scratch namespace, where a pfifo
 * stands in.  tests/uml does the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>

#include "chaos/fault/fault.h"
#include "faults/net/netem.h"
#include "faults/net/qdisc.h"
#include "faults/table.h"

static void parse_tc(struct nl_msg *msg, struct tcmsg *tc,
		     struct nlattr *a[TCA_MAX + 1])
{
	memcpy(tc, nlmsg_data(nlmsg_hdr(msg)), sizeof(*tc));
	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), sizeof(*tc), a, TCA_MAX,
				     NULL), 0);
}

static void test_netem_put(void **state)
{
	const struct netem_conf conf = { .delay = 10 * NSEC_MS + 1,
					 .jitter = 64, .limit = 77 };
	struct rtnl r = { .ifindex = 3 };
	struct qdisc_place place = { .r = &r, .handle = 0x6a420000 };
	struct nl_msg *msg = qdisc_child(&place, NLM_F_CREATE, "netem");
	struct nlattr *a[TCA_MAX + 1], *o[TCA_NETEM_MAX + 1];
	struct tc_netem_qopt old;
	struct tcmsg tc;

	(void)state;
	netem_put(msg, &conf);
	parse_tc(msg, &tc, a);
	assert_int_equal(tc.tcm_ifindex, 3);
	assert_int_equal(tc.tcm_parent, 0x6a420004);
	assert_int_equal(tc.tcm_handle, 0x6b420000);
	assert_string_equal(nla_get_string(a[TCA_KIND]), "netem");
	memcpy(&old, nla_data(a[TCA_OPTIONS]), sizeof(old));
	assert_int_equal(old.latency, (10 * NSEC_MS + 1) / 64);
	assert_int_equal(old.jitter, 1);
	assert_int_equal(old.limit, 77);
	assert_int_equal(old.loss, 0);
	assert_int_equal(
		nla_parse(o, TCA_NETEM_MAX,
			  (struct nlattr *)(void *)((char *)nla_data(
				  a[TCA_OPTIONS]) + NLA_ALIGN(sizeof(old))),
			  nla_len(a[TCA_OPTIONS]) - NLA_ALIGN(sizeof(old)),
			  NULL), 0);
	assert_true((nsec_t)nla_get_u64(o[TCA_NETEM_LATENCY64]) == conf.delay);
	assert_true((nsec_t)nla_get_u64(o[TCA_NETEM_JITTER64]) == conf.jitter);
	nlmsg_free(msg);
}

static void test_handles(void **state)
{
	uint32_t a = qdisc_handle("20261123-140000-coupon-event");
	uint32_t b = qdisc_handle("20261123-140001-coupon-event");

	(void)state;
	assert_int_equal(a >> 24, 0x6a);
	assert_int_equal(a & 0xffff, 0);
	assert_int_not_equal(a, b);
	assert_int_equal(a, qdisc_handle("20261123-140000-coupon-event"));
}

static void test_may_take(void **state)
{
	struct qdisc_root root = { .kind = "fq_codel" };
	struct err err;

	(void)state;
	assert_int_equal(qdisc_may_take(&root, "eth0", false, &err), 0);
	root.handle = 0x10000;
	strcpy(root.kind, "htb");
	assert_int_equal(qdisc_may_take(&root, "eth0", false, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "htb 1:"));
	root.children = true;
	assert_int_equal(qdisc_may_take(&root, "eth0", true, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "could not be set again"));
	root.handle = qdisc_handle("x");
	assert_int_equal(qdisc_may_take(&root, "eth0", true, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "gameday recover"));
}

/* --- the undo, for real, in a scratch namespace ------------------------ */

static int add_pfifo(struct rtnl *r, uint32_t handle, struct err *err)
{
	struct nl_msg *msg = rtnl_tc_msg(r, RTM_NEWQDISC,
					 NLM_F_CREATE | NLM_F_REPLACE, handle,
					 TC_H_ROOT, 0, "pfifo");
	int rc = rtnl_send(r, msg);

	nlmsg_free(msg);
	return rc ? err_set(err, rc, "pfifo: %s", strerror(-rc)) : 0;
}

static int add_ours(struct rtnl *r, uint32_t handle, bool replace)
{
	struct nl_msg *msg = qdisc_prio(r, handle, replace);
	int rc = rtnl_send(r, msg);

	nlmsg_free(msg);
	return rc;
}

#define WANT(cond)                                                       \
	do {                                                             \
		if (!(cond))                                             \
			return err_set(err, -EPROTO, "line %d: %s: %s",  \
				       __LINE__, #cond, e.msg);          \
	} while (0)

static int undo_in_scratch(struct rtnl *r, void *arg, struct err *err)
{
	uint32_t ours = qdisc_handle("r1"), theirs = 0x10000;
	struct qdisc_root none = { 0 }, old;
	struct undo_record u = { .where = "lo", .via = UNDO_NETLINK };
	struct undo_record v = u;
	struct err e = { 0 };

	(void)arg;
	/* Ours alone: present, undone, gone; undone again, still fine. */
	WANT(!qdisc_render_undo(ours, &none, &u, &e));
	WANT(undo_verify(&u, &e) == UNDO_GONE);
	WANT(!add_pfifo(r, ours, &e));
	WANT(undo_verify(&u, &e) == UNDO_PRESENT);
	WANT(!undo_revert(&u, &e));
	WANT(undo_verify(&u, &e) == UNDO_GONE);
	WANT(!undo_revert(&u, &e));
	/* Somebody's that took its place is not touched. */
	WANT(!add_pfifo(r, theirs, &e));
	WANT(add_ours(r, ours, false) == -EEXIST);
	WANT(!undo_revert(&u, &e));
	WANT(undo_verify(&u, &e) == UNDO_GONE);
	WANT(!qdisc_look(r, &old, &e));
	WANT(old.handle == theirs && !strcmp(old.kind, "pfifo"));
	WANT(old.options_len > 0);
	/* Replaced, and set again by the same undo. */
	WANT(!qdisc_render_undo(ours, &old, &v, &e));
	WANT(!add_pfifo(r, ours, &e));
	WANT(!undo_revert(&v, &e));
	WANT(undo_verify(&v, &e) == UNDO_GONE);
	WANT(!qdisc_look(r, &old, &e));
	WANT(old.handle == theirs && !strcmp(old.kind, "pfifo"));
	return 0;
}

static void test_undo(void **state)
{
	struct err err = { 0 };
	int rc = rtnl_may(&err) ? -EPERM :
				  rtnl_scratch(undo_in_scratch, NULL, &err);

	(void)state;
	if (rc == -EPERM) {
		print_message("skipped: no scratch network namespace: %s\n",
			      err.msg);
		skip();
	}
	if (rc)
		fail_msg("%s", err.msg);
}

/* --- what check says --------------------------------------------------- */

static void check(const char *text, struct buf *report)
{
	static const struct section_spec *const specs[] = { &fault_section,
							    NULL };
	struct faults_args args = { .table = faults_table };
	struct fault_conf *confs = NULL;
	struct scenario *sc;
	struct faults *fs;
	struct errs errs;
	struct err err;

	errs_init(&errs);
	fault_set_table(faults_table);
	scenario_parse("x.ini", text, specs, NULL, NULL, &sc, &errs);
	if (errs.n)
		fail_msg("%s", errs.v[0].msg);
	fault_confs_read(sc, &confs, &args.n, &errs);
	args.confs = confs;
	args.env.run = "r";
	args.env.speed = 5;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &args.env.loop, &err), 0);
	faults_new(&args, &fs, &errs);
	buf_reset(report);
	faults_check(fs, report, &errs);
	faults_describe(fs, report);
	faults_free(fs);
	loop_free(args.env.loop);
	fault_confs_free(confs, args.n);
	scenario_free(sc);
	errs_done(&errs);
}

/* Whichever kernel this is: a definite answer, and nothing touched. */
static void test_check(void **state)
{
	struct buf report;

	(void)state;
	buf_init(&report, 0);
	check("[fault d]\nkind = net.delay\ndev = lo\nport = 5555\n"
	      "delay = 10ms\nfallback = link.delay\nlink = db\n", &report);
	if (strstr(report.data, "net.delay can run here"))
		assert_non_null(strstr(report.data, "netem delay 2.000 ms"));
	else
		assert_true(strstr(report.data, "this kernel has no ") ||
			    strstr(report.data, "no CAP_NET_ADMIN"));
	print_message("%s", report.data);
	buf_done(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netem_put),
		cmocka_unit_test(test_handles),
		cmocka_unit_test(test_may_take),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
