/* SPDX-License-Identifier: BSD-3-Clause */
/* Request heads: every rule of RFC 9112 and RFC 9110 that decides what we forward or refuse. */
#include "rows.h"

#define H  "Host: a.example\r\n"
#define OK HTTP_ERR_NONE

static const struct row start_line[] = {
	{"RFC 9112 3: origin-form", B("GET /x?y=1 HTTP/1.1\r\n" H "\r\n"), OK,
		"GET /x?y=1 1.1 a.example:0 none keep", NULL},
	{"RFC 9112 3.2.1: empty query and LY-304 query on the root",
		B("GET /?sipuri=u@d HTTP/1.1\r\n" H "\r\n"), OK,
		"GET /?sipuri=u@d 1.1 a.example:0 none keep", NULL},
	{"LY-301: doubly encoded target travels as sent",
		B("GET /m/%252F..%2f HTTP/1.1\r\n" H "\r\n"), OK,
		"GET /m/%252F..%2f 1.1 a.example:0 none keep", NULL},
	{"RFC 9110 9.1: unknown method of 15 bytes passes",
		B("ABCDEFGHIJKLMNO / HTTP/1.1\r\n" H "\r\n"), OK,
		"ABCDEFGHIJKLMNO / 1.1 a.example:0 none keep", NULL},
	{"RFC 9110 9.1: method of 16 bytes", B("ABCDEFGHIJKLMNOP / HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_METHOD, NULL, NULL},
	{"RFC 9110 9.1: method is case-sensitive", B("get / HTTP/1.1\r\n" H "\r\n"), OK,
		"get(other) / 1.1 a.example:0 none keep", NULL},
	{"RFC 9110 9.1: method with a separator", B("GE(T / HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_METHOD, NULL, NULL},
	{"RFC 9110 9.1: TLS on the plain port", B("\x16\x03\x01\x02\x00\x01"), HTTP_ERR_BAD_METHOD,
		NULL, NULL},
	{"RFC 9110 9.1: NUL in the method", B("G\0T / HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_METHOD,
		NULL, NULL},
	{"LY-303: CONNECT", B("CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_METHOD_REFUSED, NULL, NULL},
	{"LY-303: TRACE", B("TRACE / HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_METHOD_REFUSED, NULL, NULL},
	{"LY-303: trace in lower case", B("trace / HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_METHOD_REFUSED,
		NULL, NULL},
	{"RFC 9112 3: space before the method", B(" GET / HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_REQUEST_LINE, NULL, NULL},
	{"RFC 9112 3: two spaces after the method", B("GET  / HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_REQUEST_LINE, NULL, NULL},
	{"RFC 9112 3: two spaces after the target", B("GET /  HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_VERSION, NULL, NULL},
	{"RFC 9112 3: tab for a space", B("GET\t/ HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_METHOD,
		NULL, NULL},
	{"RFC 9112 3: tab in the target", B("GET /\t HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_TARGET,
		NULL, NULL},
	{"RFC 9112 3: space in the target", B("GET /a b HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_VERSION, NULL, NULL},
	{"RFC 9112 3: space after the version", B("GET / HTTP/1.1 \r\n" H "\r\n"),
		HTTP_ERR_BAD_VERSION, NULL, NULL},
	{"RFC 9112 2.2: one empty line before is skipped and stripped",
		B("\r\nGET / HTTP/1.1\r\n" H "\r\n"), OK, "GET / 1.1 a.example:0 none keep",
		"GET / HTTP/1.1\r\n" H "\r\n"},
	{"RFC 9112 2.2: two empty lines before", B("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_REQUEST_LINE, NULL, NULL},
	{"RFC 9112 2.2: LF before", B("\nGET / HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BARE_LF, NULL,
		NULL},
	{"RFC 9112 2.2: CR before", B("\rGET / HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BARE_LF, NULL,
		NULL},
	{"RFC 9112 2.2: request line ends with LF", B("GET / HTTP/1.1\n" H "\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: request line ends with CR", B("GET / HTTP/1.1\r" H "\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: CR CR LF", B("GET / HTTP/1.1\r\r\n" H "\r\n"), HTTP_ERR_BARE_LF, NULL,
		NULL},
	{"RFC 9112 3.2: fragment in the target", B("GET /a#b HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2: NUL in the target", B("GET /\0 HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_TARGET,
		NULL, NULL},
	{"RFC 9112 3.2: DEL in the target", B("GET /\x7f HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2: byte over 0x7f in the target", B("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2: target without slash", B("GET x HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2.3: authority-form", B("GET a.example:80 HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2.4: OPTIONS *", B("OPTIONS * HTTP/1.1\r\n" H "\r\n"), OK,
		"OPTIONS * 1.1 a.example:0 none keep", NULL},
	{"RFC 9112 3.2.4: GET *", B("GET * HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_TARGET, NULL,
		NULL},
	{"RFC 9112 3.2.4: OPTIONS *x", B("OPTIONS *x HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_TARGET,
		NULL, NULL},
	{"RFC 9112 3.2.4: OPTIONS *?", B("OPTIONS *?q HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_TARGET,
		NULL, NULL},
	{"RFC 9112 2.3: HTTP/1.0", B("GET / HTTP/1.0\r\n\r\n"), OK, "GET / 1.0 :0 none", NULL},
	{"RFC 9112 2.3: HTTP/1.2", B("GET / HTTP/1.2\r\n" H "\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.3: HTTP/1.10", B("GET / HTTP/1.10\r\n" H "\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.3: HTTP/01.1", B("GET / HTTP/01.1\r\n" H "\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.3: HTTP/1", B("GET / HTTP/1\r\n" H "\r\n"), HTTP_ERR_BAD_VERSION, NULL, NULL},
	{"RFC 9112 2.3: lower case", B("GET / http/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.3: other protocol", B("GET / ICAP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_VERSION,
		NULL, NULL},
	{"RFC 9112 2.3: empty version", B("GET / \r\n" H "\r\n"), HTTP_ERR_BAD_VERSION, NULL, NULL},
	{"RFC 9112 2.3: NUL in the version", B("GET / HTTP/1\0001\r\n" H "\r\n"),
		HTTP_ERR_BAD_VERSION, NULL, NULL},
	{"RFC 9110 15.6.6: HTTP/0.9 by name", B("GET / HTTP/0.9\r\n\r\n"),
		HTTP_ERR_VERSION_UNSUPPORTED, NULL, NULL},
	{"RFC 9112 A: HTTP/0.9 simple request", B("GET /\r\n"), HTTP_ERR_BAD_REQUEST_LINE, NULL,
		NULL},
	{"RFC 9112 A: HTTP/0.9 with LF", B("GET /\n"), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 3: method alone", B("GET\r\n\r\n"), HTTP_ERR_BAD_REQUEST_LINE, NULL, NULL},
	{"RFC 9112 3: method and space alone", B("GET \r\n\r\n"), HTTP_ERR_BAD_REQUEST_LINE, NULL,
		NULL},
	{"RFC 9113 3.4: HTTP/2 preface", B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		HTTP_ERR_VERSION_UNSUPPORTED, NULL, NULL},
	{"RFC 9110 2.5: HTTP/3.0", B("GET / HTTP/3.0\r\n" H "\r\n"), HTTP_ERR_VERSION_UNSUPPORTED,
		NULL, NULL},
};

static const struct row host[] = {
	{"RFC 9112 3.2: HTTP/1.1 without Host", B("GET / HTTP/1.1\r\n\r\n"), HTTP_ERR_NO_HOST, NULL,
		NULL},
	{"RFC 9112 3.2: two Hosts", B("GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n"), HTTP_ERR_DUP_HOST,
		NULL, NULL},
	{"RFC 9112 3.2: two equal Hosts", B("GET / HTTP/1.1\r\n" H H "\r\n"), HTTP_ERR_DUP_HOST,
		NULL, NULL},
	{"RFC 9112 3.2: two Hosts in HTTP/1.0", B("GET / HTTP/1.0\r\n" H H "\r\n"),
		HTTP_ERR_DUP_HOST, NULL, NULL},
	{"RFC 9112 3.2: empty Host", B("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_ERR_BAD_HOST, NULL,
		NULL},
	{"RFC 9110 7.2: Host with port", B("GET / HTTP/1.1\r\nHost: a.example:8443\r\n\r\n"), OK,
		"GET / 1.1 a.example:8443 none keep", NULL},
	{"RFC 9110 4.2.3: upper case is folded for routing",
		B("GET / HTTP/1.1\r\nhOST:\t A.Example \t\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", NULL},
	{"LY-401: trailing dot is dropped for routing",
		B("GET / HTTP/1.1\r\nHost: a.example.:80\r\n\r\n"), OK,
		"GET / 1.1 a.example:80 none keep", NULL},
	{"RFC 3986 3.2.2: two trailing dots", B("GET / HTTP/1.1\r\nHost: a..\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.2: a dot alone", B("GET / HTTP/1.1\r\nHost: .\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 3986 3.2.2: leading dot", B("GET / HTTP/1.1\r\nHost: .a\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 3986 3.2.2: empty label", B("GET / HTTP/1.1\r\nHost: a..b\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9110 4.2.4: userinfo in Host", B("GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9110 7.2: list in Host", B("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 9110 7.2: space in Host", B("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 9110 7.2: path in Host", B("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 9110 7.2: percent in Host", B("GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9110 7.2: obs-text in Host", B("GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.3: port isn't a number", B("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.3: signed port", B("GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.3: empty port", B("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 3986 3.2.3: port 0", B("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 3986 3.2.3: port 65535", B("GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n"), OK,
		"GET / 1.1 a:65535 none keep", NULL},
	{"RFC 3986 3.2.3: port 65536", B("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.3: port alone", B("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), HTTP_ERR_BAD_HOST,
		NULL, NULL},
	{"RFC 3986 3.2.2: IPv6 literal", B("GET / HTTP/1.1\r\nHost: [2001:DB8::1]:443\r\n\r\n"), OK,
		"GET / 1.1 [2001:db8::1]:443 none keep", NULL},
	{"RFC 3986 3.2.2: IPv6 literal without port", B("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"),
		OK, "GET / 1.1 [::1]:0 none keep", NULL},
	{"RFC 3986 3.2.2: bad IPv6 literal", B("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.2: open bracket", B("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.2: bytes after the bracket", B("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 6874: zone identifier", B("GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 3986 3.2.2: IPv4 address", B("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"), OK,
		"GET / 1.1 192.0.2.1:0 none keep", NULL},
	{"RFC 9112 3.2.2: absolute-form", B("GET http://a.example/x?y HTTP/1.1\r\n" H "\r\n"), OK,
		"GET /x?y 1.1 a.example:0 none keep abs", NULL},
	{"RFC 9112 3.2.2: absolute-form, other case",
		B("GET HTTPS://A.EXAMPLE:443/X HTTP/1.1\r\nHost: a.example:443\r\n\r\n"), OK,
		"GET /X 1.1 a.example:443 none keep abs", NULL},
	{"RFC 9112 3.2.2: absolute-form without path",
		B("GET http://a.example HTTP/1.1\r\n" H "\r\n"), OK,
		"GET / 1.1 a.example:0 none keep abs", NULL},
	{"LY-304: absolute-form with a query and no path",
		B("GET http://a.example?sipuri=u@d HTTP/1.1\r\n" H "\r\n"), OK,
		"GET /?sipuri=u@d 1.1 a.example:0 none keep abs", NULL},
	{"RFC 9112 3.2.2: absolute-form in HTTP/1.0 without Host",
		B("GET http://a.example/ HTTP/1.0\r\n\r\n"), OK, "GET / 1.0 a.example:0 none abs",
		NULL},
	{"RFC 9112 3.2.2: absolute-form in HTTP/1.1 without Host",
		B("GET http://a.example/ HTTP/1.1\r\n\r\n"), HTTP_ERR_NO_HOST, NULL, NULL},
	{"RFC 9112 3.2.2: absolute-form contradicts Host", B("GET http://b/ HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9112 3.2.2: absolute-form contradicts the port of Host",
		B("GET http://a.example:81/ HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9110 4.2.4: userinfo in absolute-form",
		B("GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9110 4.2.1: absolute-form without host", B("GET http:///x HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_HOST, NULL, NULL},
	{"RFC 9112 3.2.2: other scheme", B("GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2.2: scheme with one slash", B("GET http:/a.example/ HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2.2: fragment in absolute-form",
		B("GET http://a.example#x HTTP/1.1\r\n" H "\r\n"), HTTP_ERR_BAD_TARGET, NULL, NULL},
	{"RFC 9112 3.2.2: LF in absolute-form", B("GET http://a.exam\nple/ HTTP/1.1\r\n" H "\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
};

static const struct row field_syntax[] = {
	{"RFC 9112 5.1: space before the colon", B("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.1: tab before the colon", B("GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.1: empty name", B("GET / HTTP/1.1\r\n" H ": a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5: line without colon", B("GET / HTTP/1.1\r\n" H "Foo\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5: line without colon, LF", B("GET / HTTP/1.1\r\n" H "Foo\n\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 5.1: space in the name", B("GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.1: NUL in the name", B("GET / HTTP/1.1\r\n" H "X\0Y: a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.1: obs-text in the name", B("GET / HTTP/1.1\r\n" H "X\xe4: a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.1: quote in the name", B("GET / HTTP/1.1\r\n" H "\"X\": a\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.1: all of tchar in the name",
		B("GET / HTTP/1.1\r\n" H "!#$%&'*+-.^_`|~09azAZ: a\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", NULL},
	{"RFC 9112 2.2: space before the first field", B("GET / HTTP/1.1\r\n " H "\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.2: folded line", B("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"),
		HTTP_ERR_OBS_FOLD, NULL, NULL},
	{"RFC 9112 5.2: folded by a tab", B("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"),
		HTTP_ERR_OBS_FOLD, NULL, NULL},
	{"RFC 9112 5.2: fold that hides a framing field",
		B("GET / HTTP/1.1\r\n" H "X: a\r\n Content-Length: 5\r\n\r\n"), HTTP_ERR_OBS_FOLD,
		NULL, NULL},
	{"RFC 9110 5.5: NUL in the value", B("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_VALUE, NULL, NULL},
	{"RFC 9110 5.5: BEL in the value", B("GET / HTTP/1.1\r\n" H "X: a\ab\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_VALUE, NULL, NULL},
	{"RFC 9110 5.5: vertical tab as whitespace",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_VALUE, NULL, NULL},
	{"RFC 9110 5.5: DEL in the value", B("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_VALUE, NULL, NULL},
	{"RFC 9110 5.5: tab and obs-text in the value",
		B("GET / HTTP/1.1\r\n" H "X: a\t\xff\x80\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", NULL},
	{"RFC 9110 5.5: empty value", B("GET / HTTP/1.1\r\n" H "X:\r\nY: \r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", NULL},
	{"RFC 9112 2.2: field ends with LF", B("GET / HTTP/1.1\r\n" H "X: a\n\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: CR in the value", B("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: CR CR LF after the value", B("GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: head ends with LF", B("GET / HTTP/1.1\r\n" H "\n"), HTTP_ERR_BARE_LF, NULL,
		NULL},
	{"RFC 9112 2.2: head ends with CR and more", B("GET / HTTP/1.1\r\n" H "\rX: a\r\n\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
};

static const struct row framing[] = {
	{"RFC 9112 6.3: no framing field, no body", B("POST / HTTP/1.1\r\n" H "\r\n"), OK,
		"POST / 1.1 a.example:0 none keep", NULL},
	{"RFC 9112 6.2: Content-Length", B("PUT / HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\n"), OK,
		"PUT / 1.1 a.example:0 length=12 keep", NULL},
	{"RFC 9112 6.2: Content-Length on GET",
		B("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 length=1 keep", NULL},
	{"RFC 9112 6.2: Content-Length 0", B("DELETE / HTTP/1.1\r\n" H "content-length:0\r\n\r\n"),
		OK, "DELETE / 1.1 a.example:0 length=0 keep", NULL},
	{"RFC 9110 8.6: leading zeros are digits",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 010\r\n\r\n"), OK,
		"POST / 1.1 a.example:0 length=10 keep", NULL},
	{"RFC 9110 8.6: more than twenty digits",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 000000000000000000001\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: 2^63-1",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n"), OK,
		"POST / 1.1 a.example:0 length=9223372036854775807 keep", NULL},
	{"RFC 9110 8.6: 2^63",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: 2^64+5",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: plus sign", B("POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: minus sign", B("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: hexadecimal", B("POST / HTTP/1.1\r\n" H "Content-Length: 0x10\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: space inside", B("POST / HTTP/1.1\r\n" H "Content-Length: 1 0\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: fraction", B("POST / HTTP/1.1\r\n" H "Content-Length: 1.0\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: quoted", B("POST / HTTP/1.1\r\n" H "Content-Length: \"1\"\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: empty", B("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: list of equal values",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 1,1\r\n\r\n"), HTTP_ERR_BAD_LENGTH, NULL,
		NULL},
	{"RFC 9110 8.6: list with an empty element",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 1,\r\n\r\n"), HTTP_ERR_BAD_LENGTH, NULL,
		NULL},
	{"RFC 9112 6.3: two lengths",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
		HTTP_ERR_DUP_LENGTH, NULL, NULL},
	{"RFC 9112 6.3: two equal lengths",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\ncontent-length: 1\r\n\r\n"),
		HTTP_ERR_DUP_LENGTH, NULL, NULL},
	{"RFC 9112 7.1: chunked, whatever the case",
		B("POST / HTTP/1.1\r\n" H "transfer-ENCODING: \tChunked \r\n\r\n"), OK,
		"POST / 1.1 a.example:0 chunked keep", NULL},
	{"RFC 9112 6.1: length then chunked",
		B("POST / HTTP/1.1\r\n" H
		  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_LENGTH_AND_CHUNKED, NULL, NULL},
	{"RFC 9112 6.1: chunked then length",
		B("POST / HTTP/1.1\r\n" H
		  "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
		HTTP_ERR_LENGTH_AND_CHUNKED, NULL, NULL},
	{"RFC 9112 6.1: chunked in HTTP/1.0",
		B("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: identity", B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: gzip, chunked",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: chunked twice in a list",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: chunked on two lines",
		B("POST / HTTP/1.1\r\n" H
		  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: chunked with a comma",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: chunked with a parameter",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: xchunked", B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: chunke", B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunke\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: quoted chunked",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: empty Transfer-Encoding",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 5.1: space hides Transfer-Encoding",
		B("POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9110 10.1.1: Expect",
		B("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n"), OK,
		"POST / 1.1 a.example:0 length=1 keep expect", NULL},
	{"RFC 9110 10.1.1: Expect in HTTP/1.0",
		B("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"), OK,
		"POST / 1.0 :0 length=1", NULL},
};

#define RL "GET / HTTP/1.1\r\n"

static const struct row connection[] = {
	{"RFC 9112 9.6: close", B(RL H "Connection: close\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none close", RL H "\r\n"},
	{"RFC 9112 9.6: close wins", B(RL "Connection: keep-alive, CLOSE\r\n" H "\r\n"), OK,
		"GET / 1.1 a.example:0 none close", RL H "\r\n"},
	{"RFC 9112 9.3: keep-alive in HTTP/1.0",
		B("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), OK, "GET / 1.0 :0 none keep",
		"GET / HTTP/1.0\r\n\r\n"},
	{"RFC 9110 7.6.1: the hop-by-hop set goes",
		B(RL H "Keep-Alive: 5\r\nX: 1\r\nProxy-Connection: x\r\nTE: trailers\r\nUpgrade: "
		       "h2c\r\n\r\n"),
		OK, "GET / 1.1 a.example:0 none keep", RL H "X: 1\r\n\r\n"},
	{"RFC 9110 7.6.1: nominated before",
		B(RL "Connection: x-hop\r\nX: 1\r\nX-Hop: 2\r\n" H "\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", RL "X: 1\r\n" H "\r\n"},
	{"RFC 9110 7.6.1: nominated after, each of its lines",
		B(RL "X-Hop: 1\r\n" H "x-hop: 2\r\nY: 3\r\nConnection: close, X-HOP\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none close", RL H "Y: 3\r\n\r\n"},
	{"RFC 9110 7.6.1: two Connection lines, empty elements",
		B(RL "Connection: ,a ,\t, b\r\nA: 1\r\nB: 2\r\nC: 3\r\nConnection: c,\r\n" H
		     "\r\n"),
		OK, "GET / 1.1 a.example:0 none keep", RL H "\r\n"},
	{"RFC 9110 7.6.1: empty Connection", B(RL H "Connection:\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", RL H "\r\n"},
	{"RFC 9110 7.6.1: option isn't a token", B(RL H "Connection: a b\r\n\r\n"),
		HTTP_ERR_BAD_CONNECTION, NULL, NULL},
	{"RFC 9110 7.6.1: quoted option", B(RL H "Connection: \"close\"\r\n\r\n"),
		HTTP_ERR_BAD_CONNECTION, NULL, NULL},
	{"RFC 9110 7.6.1: nominates Host", B(RL H "Connection: host\r\n\r\n"),
		HTTP_ERR_BAD_CONNECTION, NULL, NULL},
	{"RFC 9110 7.6.1: nominates Content-Length",
		B(RL H "Connection: close, Content-Length\r\n\r\n"), HTTP_ERR_BAD_CONNECTION, NULL,
		NULL},
	{"RFC 9110 7.6.1: nominates Transfer-Encoding",
		B(RL H "Connection: transfer-encoding\r\n\r\n"), HTTP_ERR_BAD_CONNECTION, NULL,
		NULL},
	{"LY-402: nominates Authorization", B(RL H "Connection: Authorization\r\n\r\n"),
		HTTP_ERR_BAD_CONNECTION, NULL, NULL},
	{"LY-402: Proxy-Authorization passes", B(RL H "Proxy-Authorization: Basic x\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", NULL},
	/* FNV-1a of utnsdlm is that of authorization, of czbexhl that of host */
	{"LY-418: nominates names whose hashes collide with fields that stay",
		B(RL "Authorization: Basic x\r\n" H "Connection: utnsdlm, czbexhl\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", RL "Authorization: Basic x\r\n" H "\r\n"},
	{"RFC 9110 7.6.1: sixteen nominations",
		B(RL H "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", RL H "\r\n"},
	{"RFC 9110 7.6.1: seventeen nominations",
		B(RL H "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n"),
		HTTP_ERR_BAD_CONNECTION, NULL, NULL},
	{"RFC 9110 7.8: Upgrade, nominated",
		B(RL H "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep upgrade", RL H "\r\n"},
	{"RFC 9110 7.8: Upgrade, not nominated", B(RL H "Upgrade: websocket\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", RL H "\r\n"},
	{"RFC 7540 3.2: h2c upgrade loses its settings",
		B(RL H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
		       "AAA\r\n\r\n"),
		OK, "GET / 1.1 a.example:0 none keep upgrade", RL H "\r\n"},
	{"LY-403: Authorization: NTLM", B(RL H "Authorization: NTLM TlRM\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep auth", NULL},
	{"LY-403: Authorization: negotiate", B(RL H "authorization:negotiate YII=\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep auth", NULL},
	{"LY-403: Authorization: Basic", B(RL H "Authorization: Basic NTLM\r\n\r\n"), OK,
		"GET / 1.1 a.example:0 none keep", NULL},
	{"LY-403: Authorization: NTLMv2x is another scheme",
		B(RL H "Authorization: NTLMX a\r\n\r\n"), OK, "GET / 1.1 a.example:0 none keep",
		NULL},
};

static void summarise(const struct http_head *h, char *out, size_t size)
{
	static const char *const bodies[] = {"none", "length=", "chunked", "until-close"};
	static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
	bool other = h->method == HTTP_OTHER;
	char number[24] = "";
	int n;

	if (!other && h->method < HTTP_OTHER)
		assert_string_equal(h->method_name, known[h->method]);
	if (h->framing == HTTP_BODY_LENGTH)
		snprintf(number, sizeof(number), "%llu", (unsigned long long)h->content_length);
	n = snprintf(out, size, "%s%s %s 1.%u %s:%u %s%s%s%s%s%s%s%s", h->method_name,
		other && strcmp(h->method_name, "get") == 0 ? "(other)" : "", h->path, h->minor,
		h->host, h->host_port, bodies[h->framing], number, h->keep_alive ? " keep" : "",
		h->close ? " close" : "", h->expect_continue ? " expect" : "",
		h->upgrade ? " upgrade" : "", h->has_auth_scheme ? " auth" : "",
		h->absolute_form ? " abs" : "");
	assert_true(n > 0 && (size_t)n < size);
}

static void check_accepted(const struct row *row, const struct http_head *h)
{
	char text[512], out[1024];
	size_t len;

	assert_int_equal(h->error, HTTP_ERR_NONE);
	summarise(h, text, sizeof(text));
	assert_string_equal(text, row->want);
	assert_int_equal(h->head_len, row->len);
	assert_memory_equal(row->bytes + h->version.off, h->minor ? "HTTP/1.1" : "HTTP/1.0", 8);
	if (!h->absolute_form)
		assert_memory_equal(row->bytes + h->target.off, h->path, h->path_len);
	assert_int_equal(h->target.off + h->target.len + 1, h->version.off);
	len = forwarded(h, row->bytes, out);
	assert_int_equal(len, row->forwarded != NULL ? strlen(row->forwarded) : row->len);
	assert_memory_equal(out, row->forwarded != NULL ? row->forwarded : row->bytes, len);
}

static void request_row(void **state)
{
	const struct row *row = *state;
	struct http_limits limits;
	struct http_head h;
	size_t first_total = 0;

	http_limits_default(&limits);
	for (int cut = 0; cut < CUTS; cut++) {
		size_t total, used = 1;
		enum http_status s;

		memset(&h, 0xa5, sizeof(h));
		http_request_init(&h, &limits);
		s = feed(parse_head, &h, row->bytes, row->len, cut, &total);
		if (cut == 0)
			first_total = total;
		assert_int_equal(total, first_total);
		assert_string_equal(http_error_name(h.error), http_error_name(row->error));
		assert_int_equal(s, row->error == HTTP_ERR_NONE ? HTTP_DONE : HTTP_ERROR);
		assert_int_equal(http_head_parse(&h, (const uint8_t *)"x", 1, &used), s);
		assert_int_equal(used, 0);
		if (row->error == HTTP_ERR_NONE)
			check_accepted(row, &h);
		else
			assert_in_range(http_error_status(h.error), 400, 505);
	}
}

int main(void)
{
	int failed = 0;

#define RUN(t) failed += run_rows(#t, t, sizeof(t) / sizeof(t[0]), request_row)
	RUN(start_line);
	RUN(host);
	RUN(field_syntax);
	RUN(framing);
	RUN(connection);
#undef RUN
	return failed;
}
