/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#include "trace.h"

#define ETHER_HEAD 14u
#define TCP_SACK   5u

/* A segment's parts; `options` and `flags` point into the frame. */
struct segment {
	uint16_t source, destination, window;
	uint8_t flags;
	uint32_t seq, ack, payload;
	const unsigned char *options;
	uint32_t option_len;
};

static bool find_segment(const unsigned char *data, uint32_t len, struct segment *segment)
{
	struct iphdr ip;
	struct tcphdr tcp;
	uint32_t at = ETHER_HEAD, total, head;

	if (len < at + sizeof(ip) + sizeof(tcp) || data[12] != 0x08 || data[13] != 0x00)
		return false;
	memcpy(&ip, data + at, sizeof(ip));
	total = ntohs(ip.tot_len);
	at += ip.ihl * 4u;
	if (ip.protocol != IPPROTO_TCP || ip.ihl < 5 || len < at + sizeof(tcp))
		return false;
	memcpy(&tcp, data + at, sizeof(tcp));
	head = tcp.th_off * 4u;
	if (head < sizeof(tcp) || len < at + head || total < ip.ihl * 4u + head)
		return false;
	*segment = (struct segment){.source = ntohs(tcp.th_sport),
		.destination = ntohs(tcp.th_dport),
		.window = ntohs(tcp.th_win),
		.flags = tcp.th_flags,
		.seq = ntohl(tcp.th_seq),
		.ack = ntohl(tcp.th_ack),
		.payload = total - ip.ihl * 4u - head,
		.options = data + at + sizeof(tcp),
		.option_len = head - (uint32_t)sizeof(tcp)};
	return true;
}

/* The flow, made at its first segment; when there are too many, the first one is shared. */
static struct trace_flow *flow_of(struct trace *trace, const struct segment *segment, bool up)
{
	uint32_t ports = up ? (uint32_t)segment->source << 16 | segment->destination
			    : (uint32_t)segment->destination << 16 | segment->source;
	struct trace_flow *flow;

	for (uint32_t i = 0; i < trace->flow_count; i++) {
		if (trace->flows[i].ports == ports)
			return &trace->flows[i];
	}
	if (trace->flow_count == TRACE_FLOWS)
		return &trace->flows[0];
	flow = &trace->flows[trace->flow_count++];
	flow->ports = ports;
	return flow;
}

static uint32_t read32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

static void print_sack(FILE *out, const struct segment *segment, uint32_t isn)
{
	const unsigned char *o = segment->options;
	uint32_t left = segment->option_len;

	while (left >= 2 && o[0] != 0) {
		uint32_t len = o[0] == 1 ? 1 : o[1];

		if (len == 0 || len > left)
			return;
		for (uint32_t i = 2; o[0] == TCP_SACK && i + 8 <= len; i += 8)
			fprintf(out, "%s%u-%u", i == 2 ? " sack " : " ", read32(o + i) - isn,
				read32(o + i + 4) - isn);
		o += len;
		left -= len;
	}
}

static void print_flags(FILE *out, uint8_t flags)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} names[] = {{TH_SYN, " SYN"}, {TH_FIN, " FIN"}, {TH_RST, " RST"}};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & names[i].flag)
			fputs(names[i].name, out);
	}
}

static void print_fate(FILE *out, uint64_t now, const struct link_fate *fate)
{
	if (fate->copies == 0)
		fputs(fate->lost ? " lost" : " queue-full", out);
	for (unsigned int i = 0; i < fate->copies; i++)
		fprintf(out, " +%.6f", (double)(fate->arrival[i] - now) / 1e9);
	fputs(fate->corrupt ? " corrupted\n" : "\n", out);
}

void trace_frame(struct trace *trace, uint64_t now, bool up, const unsigned char *data,
	uint32_t len, const struct link_fate *fate)
{
	struct segment segment;
	struct trace_flow *flow;
	uint32_t seq;

	if (!trace->out || !find_segment(data, len, &segment))
		return;
	if (trace->begin == 0)
		trace->begin = now;
	flow = flow_of(trace, &segment, up);
	if (segment.flags & TH_SYN)
		flow->isn[up] = segment.seq;
	seq = segment.seq - flow->isn[up];
	fprintf(trace->out, "%.6f %-4s %u>%u", (double)(now - trace->begin) / 1e9,
		up ? "up" : "down", segment.source, segment.destination);
	if (segment.payload)
		fprintf(trace->out, " %u:%u", seq, seq + segment.payload);
	else
		fputs(" .", trace->out);
	print_flags(trace->out, segment.flags);
	if (segment.flags & TH_ACK)
		fprintf(trace->out, " ack %u", segment.ack - flow->isn[!up]);
	fprintf(trace->out, " win %u", segment.window);
	print_sack(trace->out, &segment, flow->isn[!up]);
	print_fate(trace->out, now, fate);
}
