/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step kind "command": a program and its arguments, without a shell.  Words
 * that are symbolic addresses are expanded, and every URL in them must be
 * allowed.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/playbook/impl.h"

struct command {
	struct playbook_call *call;
	struct proc_id id;
	int pidfd;
	struct loop_io io;
	struct loop_timer deadline;
	bool late;
};

void playbook_words_split(const char *text, struct playbook_words *ret)
{
	size_t cap = 0;

	*ret = (struct playbook_words){ 0 };
	while (*text) {
		const char *end;

		while (*text == ' ')
			text++;
		if (!*text)
			break;
		(void)mem_grow(ret->v, ret->n + 1, cap);
		end = *text == '\'' || *text == '"'
			      ? strchr(text + 1, *text)
			      : NULL;
		if (end) {
			ret->v[ret->n++] =
				mem_strndup(text + 1, (size_t)(end - text - 1));
			text = end + 1;
		} else {
			end = text + strcspn(text, " ");
			ret->v[ret->n++] =
				mem_strndup(text, (size_t)(end - text));
			text = end;
		}
	}
	(void)mem_grow(ret->v, ret->n + 1, cap);
	ret->v[ret->n] = NULL;
}

void playbook_words_done(struct playbook_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		mem_free(w->v[i]);
	mem_free(w->v);
}

static int command_check(const char *value, struct err *err)
{
	struct playbook_words w;
	int rc = 0;

	playbook_words_split(value, &w);
	if (w.n == 0)
		rc = err_set(err, -EINVAL, "command takes a program");
	playbook_words_done(&w);
	return rc;
}

/* Where a URL begins in a word, as in --url=http://host/; NULL: nowhere. */
static const char *url_in(const char *word)
{
	const char *plain = strstr(word, "http://");
	const char *tls = strstr(word, "https://");

	return plain && (!tls || plain < tls) ? plain : tls;
}

static int prepare_word(const char *word, const struct symbols *symbols,
			const struct allow *allow, struct addr *ret_to,
			struct err *err)
{
	const char *url = symbols_is(word) ? word : url_in(word);
	int rc;

	if (!url)
		return 0;
	rc = symbols_addr(symbols, url, ret_to, err);
	return rc == 0 ? allow_connect(allow, ret_to, err) : rc;
}

static int command_prepare(const char *value, const struct symbols *symbols,
			   const struct allow *allow, struct addr *ret_to,
			   struct err *err)
{
	struct playbook_words w;
	int rc = 0;

	playbook_words_split(value, &w);
	for (size_t i = 1; rc == 0 && i < w.n; i++)
		rc = prepare_word(w.v[i], symbols, allow, ret_to, err);
	playbook_words_done(&w);
	return rc;
}

static int expand_word(struct playbook_call *c, char **word, struct err *err)
{
	char *text;
	int rc;

	if (!symbols_is(*word))
		return 0;
	rc = symbols_expand(playbook_call_symbols(c), *word, &text, err);
	if (rc == 0) {
		mem_free(*word);
		*word = text;
	}
	return rc;
}

static void command_free(struct command *cmd, struct loop *loop)
{
	loop_timer_stop(loop, &cmd->deadline);
	loop_io_set(loop, &cmd->io, 0, NULL);
	mem_close_fd(&cmd->pidfd);
	mem_free(cmd);
}

static void on_exit(struct loop *loop, struct loop_io *io, unsigned events,
		    void *arg)
{
	struct command *cmd = arg;
	struct playbook_call *c = cmd->call;
	char text[64];
	int status = 0;

	(void)io;
	(void)events;
	if (proc_reap(cmd->pidfd, &status) < 0)
		status = -1;
	*playbook_call_state(c) = NULL;
	if (cmd->late)
		playbook_call_done(c, -ETIMEDOUT, "the command took too long");
	else
		playbook_call_done(c, status == 0 ? 0 : -EIO,
				   proc_status_text(status, text,
						    sizeof(text)));
	command_free(cmd, loop);
}

static void on_deadline(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct command *cmd = arg;

	(void)loop;
	(void)timer;
	cmd->late = true;
	proc_signal(&cmd->id, SIGKILL);
}

static int spawn(struct playbook_call *c, const struct playbook_words *w,
		 struct err *err)
{
	struct loop *loop = playbook_call_loop(c);
	struct command *cmd = mem_zalloc(sizeof(*cmd));
	struct proc_args args = {
		.argv = (const char *const *)w->v,
		.out_fd = -1,
		.die_with_parent = true,
	};
	int rc = proc_spawn(&args, &cmd->id, &cmd->pidfd, err);

	if (rc < 0) {
		mem_free(cmd);
		return rc;
	}
	cmd->call = c;
	loop_io_init(&cmd->io, cmd->pidfd, "step command", on_exit, cmd);
	loop_timer_init(&cmd->deadline, "step command", on_deadline, cmd);
	loop_timer_at(loop, &cmd->deadline,
		      loop_now(loop) + playbook_call_timeout(c));
	rc = loop_io_set(loop, &cmd->io, LOOP_IN, err);
	*playbook_call_state(c) = cmd;
	return rc;
}

static int command_start(struct playbook_call *c, struct err *err)
{
	struct playbook_words w;
	int rc = 0;

	playbook_words_split(playbook_call_text(c), &w);
	for (size_t i = 1; rc == 0 && i < w.n; i++)
		rc = expand_word(c, &w.v[i], err);
	if (rc == 0)
		rc = spawn(c, &w, err);
	playbook_words_done(&w);
	return rc;
}

static void command_cancel(struct playbook_call *c)
{
	struct command *cmd = *playbook_call_state(c);

	if (!cmd)
		return;
	proc_signal(&cmd->id, SIGKILL);
	command_free(cmd, playbook_call_loop(c));
	*playbook_call_state(c) = NULL;
}

const struct playbook_step_ops playbook_step_command = {
	.name = "command",
	.summary = "a program run without a shell; exit status 0 is ok",
	.example = "command = kubectl rollout restart deploy/shop",
	.check = command_check,
	.prepare = command_prepare,
	.start = command_start,
	.cancel = command_cancel,
};
