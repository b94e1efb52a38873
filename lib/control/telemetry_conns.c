/* SPDX-License-Identifier: BSD-3-Clause */
/* The telemetry commands about single connections. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/telemetry.h"

#define ANSWER_TIME LG_SEC(1) /* a worker that is busier than that is asked again */

/* ---- arguments --------------------------------------------------------------------------------
 */

/* "192.0.2.1:40000" or "[2001:db8::1]:40000". */
static bool parse_endpoint(const char *text, struct lg_ip *ip, uint16_t *port)
{
	char host[LG_IP_STRLEN];
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	char *end;

	if (colon == NULL || (brackets && (colon == text || colon[-1] != ']')))
		return false;
	const char *from = text + brackets;
	size_t n = (size_t)(colon - brackets - from);
	unsigned long value = strtoul(colon + 1, &end, 10);
	if (n >= sizeof(host) || end == colon + 1 || *end != '\0' || value == 0 || value > 65535)
		return false;
	memcpy(host, from, n);
	host[n] = '\0';
	*port = (uint16_t)value;
	return lg_ip_parse(host, ip) == 0;
}

static int find_state(const char *name)
{
	for (int s = 0; s < TCP_STATES; s++)
		if (strcasecmp(name, tcp_state_name((enum tcp_state)s)) == 0)
			return s;
	return -1;
}

/* "WORKER:INDEX", as `next` says it. */
static bool parse_from(const char *text, unsigned *worker, uint32_t *from)
{
	char *end, *rest;
	unsigned long w = strtoul(text, &end, 10);
	if (end == text || *end != ':')
		return false;
	unsigned long f = strtoul(end + 1, &rest, 10);
	*worker = (unsigned)w;
	*from = (uint32_t)f;
	return rest != end + 1 && *rest == '\0' && w <= UINT16_MAX && f <= UINT32_MAX;
}

static bool parse_filter(
	const char *word, struct ctl_query_ask *ask, unsigned *worker, uint32_t *from)
{
	if (strncmp(word, "client=", 7) == 0)
		return lg_ip_parse(word + 7, &ask->ip) == 0;
	if (strncmp(word, "state=", 6) == 0)
		return (ask->state = find_state(word + 6)) >= 0;
	if (strncmp(word, "from=", 5) == 0)
		return parse_from(word + 5, worker, from);
	return false;
}

static bool parse_filters(
	const char *arg, struct ctl_query_ask *ask, unsigned *worker, uint32_t *from)
{
	char text[256], *save = NULL;

	if (arg == NULL)
		return true;
	if (snprintf(text, sizeof(text), "%s", arg) >= (int)sizeof(text))
		return false;
	for (char *word = strtok_r(text, ",", &save); word != NULL;
		word = strtok_r(NULL, ",", &save))
		if (!parse_filter(word, ask, worker, from))
			return false;
	return true;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void endpoint(struct rte_tel_data *d, const char *key, const struct lg_ip *ip, uint16_t port)
{
	char addr[LG_IP_STRLEN], text[LG_IP_STRLEN + 16];
	bool v4 = lg_ip_is_v4(ip);

	snprintf(text, sizeof(text), "%s%s%s:%u", v4 ? "" : "[", lg_ip_str(ip, addr), v4 ? "" : "]",
		port);
	tel_text(d, key, text);
}

static void names(const struct ctl_view *v, const struct ctl_conn *row, struct rte_tel_data *d)
{
	if (row->listener >= 0)
		tel_text(d, "listener", v->conf->listeners[row->listener].name);
	if (row->pool >= 0) {
		tel_text(d, "pool", v->conf->pools[row->pool].name);
		tel_text(d, "server", v->conf->pools[row->pool].servers[row->server].name);
	}
}

static void short_row(const struct ctl_view *v, const struct ctl_conn *row, struct rte_tel_data *d)
{
	const struct tcp_info *t = &row->tcp;

	endpoint(d, "local", &t->key.local, t->key.lport);
	endpoint(d, "remote", &t->key.remote, t->key.rport);
	tel_text(d, "state", tcp_state_name(t->state));
	names(v, row, d);
	tel_uint(d, "octets_in", t->octets_in);
	tel_uint(d, "octets_out", t->octets_out);
	tel_uint(d, "segs_retrans", t->segs_retrans);
	tel_uint(d, "srtt_us", t->srtt);
	tel_uint(d, "cwnd", t->cwnd);
	tel_uint(d, "unacked", t->unacked);
}

static void fill_texts(const struct tcp_info *t, struct rte_tel_data *d)
{
	char options[64];

	snprintf(options, sizeof(options), "%s%s%s%s", t->timestamps ? "ts " : "",
		t->sack ? "sack " : "", t->ecn ? "ecn " : "", t->window_scaling ? "wscale " : "");
	options[strlen(options) - (options[0] != '\0')] = '\0';
	tel_text(d, "options", options);
	tel_text(d, "congestion_control", t->cc);
	tel_text(d, "recovery", t->recovery);
	tel_text(d, "limited_by", t->limited);
	tel_text(d, "timer", t->timer);
	tel_uint(d, "timer_ms", t->timer_in / 1000);
}

static void fill_numbers(const struct tcp_info *t, struct rte_tel_data *d)
{
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"snd_wscale", t->snd_wscale},
		{"rcv_wscale", t->rcv_wscale},
		{"ssthresh", t->ssthresh},
		{"mss", t->mss},
		{"rcv_mss", t->rcv_mss},
		{"path_mtu", t->pmtu},
		{"rttvar_us", t->rttvar},
		{"min_rtt_us", t->min_rtt},
		{"rto_us", t->rto},
		{"backoff", t->backoff},
		{"snd_wnd", t->snd_wnd},
		{"rcv_wnd", t->rcv_wnd},
		{"sacked", t->sacked},
		{"lost", t->lost},
		{"retrans", t->retrans},
		{"reordering_seen", t->reordering_seen},
		{"segs_in", t->segs_in},
		{"segs_out", t->segs_out},
		{"data_segs_in", t->data_segs_in},
		{"data_segs_out", t->data_segs_out},
		{"octets_acked", t->octets_acked},
		{"octets_retrans", t->octets_retrans},
		{"snd_queued", t->snd_queued},
		{"snd_truesize", t->snd_truesize},
		{"snd_buf", t->snd_buf},
		{"rcv_queued", t->rcv_queued},
		{"rcv_truesize", t->rcv_truesize},
		{"rcv_buf", t->rcv_buf},
		{"ooo_ranges", t->ooo_ranges},
		{"ooo_truesize", t->ooo_truesize},
		{"delivery_rate", t->delivery_rate},
		{"pacing_rate", t->pacing_rate},
		{"since_send_ms", t->since_send / 1000},
		{"since_receive_ms", t->since_receive / 1000},
	};
	for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++)
		tel_uint(d, rows[i].key, rows[i].value);
}

static void full_row(const struct ctl_view *v, const struct ctl_conn *row, struct rte_tel_data *d)
{
	short_row(v, row, d);
	tel_uint(d, "tls", row->tls);
	fill_texts(&row->tcp, d);
	fill_numbers(&row->tcp, d);
}

/* ---- commands ----------------------------------------------------------------------------------
 */

static int show_session(const struct ctl_view *v, unsigned worker, const struct ctl_query *q,
	struct rte_tel_data *d)
{
	rte_tel_data_start_dict(d);
	tel_uint(d, "worker", worker);
	for (unsigned i = 0, pools = 0; i < LG_MIN(q->n, CTL_QUERY_SESSION); i++) {
		char key[24];
		struct rte_tel_data *inner = tel_dict();
		if (inner == NULL)
			return -ENOMEM;
		if (q->rows[i].pool >= 0)
			snprintf(key, sizeof(key), "pool_%u", pools++);
		else
			snprintf(key, sizeof(key), "%s",
				q->rows[i].listener >= 0 ? "client" : "connection");
		full_row(v, &q->rows[i], inner);
		tel_attach(d, key, inner);
	}
	return 0;
}

/* arg: one end of the connection, the peer's or (towards a pool) ours. */
int tel_connection(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	struct ctl_query_ask ask = {.one = true, .state = -1, .max = 1};

	if (arg == NULL) {
		rte_tel_data_start_dict(d);
		tel_text(d, "parameter", "ADDRESS:PORT of a client, or of our end towards a pool");
		return 0;
	}
	if (!parse_endpoint(arg, &ask.ip, &ask.port))
		return -EINVAL;
	for (unsigned i = 0; i < v->n_workers; i++) {
		struct ctl_query *q = v->workers[i].query;
		int rc = ctl_query_ask(q, &ask, ANSWER_TIME);
		if (rc != 0)
			return rc;
		if (q->n > 0)
			return show_session(v, i, q, d);
	}
	return -ENOENT;
}

static int add_rows(
	const struct ctl_view *v, const struct ctl_query *q, unsigned n, struct rte_tel_data *d)
{
	for (unsigned i = 0; i < q->n; i++) {
		char key[24];
		struct rte_tel_data *inner = tel_dict();
		if (inner == NULL)
			return -ENOMEM;
		snprintf(key, sizeof(key), "connection_%u", n + i);
		short_row(v, &q->rows[i], inner);
		tel_attach(d, key, inner);
	}
	return 0;
}

static void tell_next(struct rte_tel_data *d, unsigned worker, uint32_t from)
{
	char next[32];

	snprintf(next, sizeof(next), "%u:%u", worker, from);
	tel_text(d, "next", next);
}

/* arg: client=ADDRESS, state=NAME, from=NEXT, separated by commas; a page and where it goes on. */
int tel_connections(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	struct ctl_query_ask ask = {.state = -1};
	unsigned worker = 0, n = 0;

	if (!parse_filters(arg, &ask, &worker, &ask.from))
		return -EINVAL;
	rte_tel_data_start_dict(d);
	for (; worker < v->n_workers && n < CTL_QUERY_ROWS; worker++, ask.from = 0) {
		struct ctl_query *q = v->workers[worker].query;
		ask.max = CTL_QUERY_ROWS - n;
		int rc = ctl_query_ask(q, &ask, ANSWER_TIME);
		if (rc == 0)
			rc = add_rows(v, q, n, d);
		if (rc != 0 && n == 0)
			return rc;
		if (rc != 0) { /* what is there is told; an error would leak it */
			tell_next(d, worker, ask.from);
			return 0;
		}
		n += q->n;
		if (q->next != 0) {
			tell_next(d, worker, q->next);
			return 0;
		}
	}
	if (worker < v->n_workers)
		tell_next(d, worker, 0);
	return 0;
}
