/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of a run directory: what the drill writes into events.jsonl
 * and series.jsonl as it happens, and all that a report may read.
 *
 * Each line is {"t":drill seconds,"host":…,"seq":N,"ev":…,…}.  Fields by ev:
 *
 * run        id kind scenario title clock("14:00:00" or "") date speed seed
 *            started_at version lead_in_s window_from_s window_to_s duration_s
 *            stable_for_s judge_recorded controls("no-faults","without:X","")
 *            apis[] faults_planned steps_planned has_playbook
 *            slo{latency{p95:s},errors,throughput,
 *            availability,period_s} stack{postgres,redis,kafka,shop,proxy,
 *            kafka_kind} assumptions[] load{engine,threads}
 * state      from to why            the drill's own state machine
 * fault      name kind fallback_for target planned_s from to real_ms why remove
 *            asked{} achieved{} verified("yes|no|unknown")
 * effect     name bit(bool) explain within_s     a fault's expect, decided
 * alert      name severity source state explain; and how it came: bad_s
 *            active_s alerting_s   (null: not known)
 * source     name kind observed(bool) why   it shows nothing, or again
 * step       step from to call_ok lifts why before after
 * milestone  name at_s source why    decided live, never recomputed
 * mark       name by note at_s       a person's
 * ctl        what value              a live change
 * criterion  name want got ok judged(bool)   [expect]s and step outcomes live
 * threshold  name when phase final missing missed aborts at_end judged seconds
 *            missed_seconds value limit margin unit worst_s explain
 *                                   each change, and the verdict: final
 * level      load from_s to_s holds good bad is_good sure throughput
 *            throughput_error errors p95_s apis_p95_s{api:s}   of a search
 * search     of while drain hold_s settle_s window_s apart closed why bad z_s
 *            limit{} knee{} xmax{} r0_s{}: value lo hi; null: not known
 * abort      why
 * spoilt     why                     the run is invalid
 * load       final: send_lag_p99_ms send_lag_max_ms cpu_max_5s open_planned
 *            open_achieved fd_share port_share emfile eaddrnotavail connects
 *            users_max requests users_affected decisions
 *            censored{api:n} skipped{api:n} polls (HTTP requests of awaits
 *            and polls) redirects(HTTP requests) checks[{name,ok,failed}]
 *            users[{api,phase,asked,unserved,raw}]
 * audit      loop_slow loop_blocked loop_longest_ms slip_p99_ms
 *            hold[{phase,asked_s,achieved_s}]
 * end        status("completed|aborted|interrupted") why
 *
 * series.jsonl:
 * {"kind":"api","t":second,"host","seq","api","phase","due","ok","client",
 *  "business","failed":{cause:n},"beside":true of an await's, a poll's
 *  or a group's}
 * {"kind":"gauge","t":second,"host","seq","users","bad":bool,
 *  "why":"p95,errors","p95_s","errors","throughput", gauge.name: value, …}
 */
#ifndef GD_REPORT_EVENTS_H
#define GD_REPORT_EVENTS_H

#define EVENTS_FILE   "events.jsonl"
#define SERIES_FILE   "series.jsonl"
#define HLOG_FILE     "latency.hlog"
#define PLAN_FILE     "plan.json"
#define SCENARIO_FILE "scenario.ini"
#define UNDO_FILE     "undo.jsonl"

/* Milestones, in the order in which they usually come. */
#define MS_START        "start"
#define MS_EFFECTIVE    "effective"
#define MS_IMPACT       "impact"
#define MS_DETECTED     "detected"
#define MS_FALSE        "false"
#define MS_EARLY        "early"
#define MS_ACKNOWLEDGED "acknowledged"
#define MS_FIRST_ACTION "first action"
#define MS_RECOVERED    "recovered"
#define MS_RELAPSE      "relapse"

#endif
