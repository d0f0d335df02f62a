package webhook_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// An endpoint is at a public https URL. Every way to write another address is
// refused.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	for want, urls := range map[string][]string{
		"": {
			"https://example.com", "https://example.com/webhooks?a=b", "https://EXAMPLE.com:443/", "https://example.com:8443/x", "https://a.b-c.example:65535/",
			"https://xn--bcher-kva.example/", "https://1.1.1.1/", "https://[2606:4700:4700::1111]/x", "https://8.8.8.8:1024/", "https://example.com/a%23b",
			"HTTPS://example.com/",
		},
		"must have 1 to 2048 bytes":                {"", "https://example.com/" + strings.Repeat("x", 2029)},
		"must consist of visible ASCII characters": {"https://example.com/a b", "https://example.com/\n", " https://example.com", "https://bücher.example/", "https://exаmple.com/"},
		"must be a URL":                            {"example.com", "/webhooks", "https:example.com", "https:///x", "https://example.com:x/", "https://[::1/", "https://%zz/", "https://exam%70le.com/"},
		"must begin with https://":                 {"http://example.com/", "ftp://example.com/", "file://example.com/etc", "gopher://example.com/", "http://1.1.1.1/"},
		"must not contain a user name":             {"https://a@example.com/", "https://a:b@example.com/", "https://example.com@10.0.0.1/"},
		"must not have a fragment":                 {"https://example.com/#", "https://example.com/#x"},
		"which is not a public address": {
			"https://10.1.2.3/", "https://127.0.0.1/", "https://127.1.2.3:8080/", "https://169.254.169.254/latest/meta-data", "https://172.16.0.1/", "https://172.31.255.255/",
			"https://192.168.1.1/", "https://100.64.0.1/", "https://100.100.100.200/", "https://0.0.0.0/", "https://255.255.255.255/", "https://224.0.0.1/", "https://198.18.0.1/",
			"https://192.0.0.192/", "https://168.63.129.16/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://[::127.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/",
			"https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/", "https://[2001::1]/", "https://[fd00:ec2::254]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[ff02::1]/", "https://[fc00::1]/", "https://[2001:db8::1]/",
			"https://[2606:4700:4700::1111%25eth0]/",
		},
		"must have a public host name": {"https://localhost/", "https://LOCALHOST/", "https://a.localhost/", "https://intranet/", "https://printer.local/", "https://metadata.google.internal/"},
		"must have a host name, or an": {"https://127.1/", "https://10.1.1/", "https://0x7f.0x0.0x0.0x1/", "https://1.2.3.4.5/", "https://0177.0.0.01/", "https://192.168.257/"},
		"must have a host name of":     {"https://example.com./", "https://127.0.0.1./", "https://exa_mple!.com/", "https://.example.com/", "https://a..b/", "https://" + strings.Repeat("a", 64) + ".com/", "https://" + strings.Repeat("a.", 130) + "com/"},
		"must have the port 443":       {"https://example.com:22/", "https://example.com:25/", "https://example.com:80/", "https://example.com:0/", "https://example.com:65536/", "https://example.com:99999999999999999999/", "https://example.com:/", "https://1.1.1.1:53/"},
	} {
		for _, text := range urls {
			err := webhook.Rules{}.CheckURL(text)
			var invalid *token.InvalidError
			switch {
			case want == "":
				if err != nil {
					t.Errorf("%q: got %v, want no error", text, err)
				}
			case !errors.As(err, &invalid) || invalid.Field != "url" || !strings.Contains(invalid.Reason, want):
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
		}
	}
}

// A server on one's own machine may also send to that machine, by http, and to
// nothing else that is not public.
func TestLoopbackRules(t *testing.T) {
	t.Parallel()
	rules := webhook.Rules{Loopback: true}
	for _, text := range []string{"http://127.0.0.1:8080/x", "http://localhost/", "https://localhost:99/", "http://[::1]:1/", "https://example.com/"} {
		if err := rules.CheckURL(text); err != nil {
			t.Errorf("%q: got %v, want no error", text, err)
		}
	}
	const begin = "must begin with https://, or with http:// for localhost or 127.0.0.1"
	for text, want := range map[string]string{
		"127.0.0.1:9000": "must be a URL such as http://127.0.0.1:9000/ or", "localhost:9000/": "must be a URL such as http://127.0.0.1:9000/ or",
		"http://example.com/": begin, "http://10.0.0.1/": begin, "http://localhost.example.com/": begin, "http://0.0.0.0/": begin, "http://a.localhost/": begin,
		"ftp://localhost/": begin, "https://169.254.169.254/": "which is not a public address", "https://intranet/": "or be localhost, 127.0.0.1 or [::1]",
		"http://localhost:0/": "must have the port",
	} {
		if err := rules.CheckURL(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// The public Internet is what no registry of special-purpose addresses lists.
func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255", "::ffff:8.8.8.8", "2a00:1450::1", "2600:1f18::1", "2001:4860::1"} {
		if err := (webhook.Rules{}).CheckAddress(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: got %v, want no error", text, err)
		}
	}
	for _, text := range []string{"10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "172.16.0.0", "172.31.255.255", "240.0.0.1", "224.0.0.0", "1fff::1", "4000::1", "2001:1ff::1", "2002::1", "3fff::1", "::ffff:10.0.0.1", "fec0::1"} {
		var refused *webhook.AddressError
		if err := (webhook.Rules{Loopback: true}).CheckAddress(netip.MustParseAddr(text)); !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want an AddressError", text, err)
		}
	}
	if (webhook.Rules{}).CheckAddress(netip.Addr{}) == nil {
		t.Error("no address: got no error")
	}
}
