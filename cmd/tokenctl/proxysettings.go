package main

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// The settings that errors about addresses name.
const (
	listenSetting  = "LISTEN or --listen"
	metricsSetting = "METRICS_LISTEN or --metrics-listen"
)

// proxySettings are the flags of proxy, checked.
type proxySettings struct {
	address  string
	metrics  string // the address for metrics, or "" for none
	upstream *url.URL
	apiKey   string // "" sends none
	options  gateway.Options
}

// check checks the flags.
func (c *proxyCmd) check() (s proxySettings, err error) {
	if s.address, err = checkListen(listenSetting, cmp.Or(c.Listen, defaultProxyListen)); err != nil {
		return s, err
	}
	if c.MetricsListen != "" {
		if s.metrics, err = checkListen(metricsSetting, c.MetricsListen); err != nil {
			return s, err
		}
	}
	if c.DrainTimeout < 0 {
		return s, problemf("--drain-timeout %s is negative: use a time such as 30s, or 0 to cut requests off at once", c.DrainTimeout)
	}
	if s.upstream, err = checkUpstream(c.Upstream); err != nil {
		return s, err
	}
	s.apiKey = os.Getenv("UPSTREAM_API_KEY")
	if strings.ContainsFunc(s.apiKey, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return s, problemf("UPSTREAM_API_KEY contains spaces or line breaks: set it to the key alone")
	}
	if c.TrustForwardedFor {
		s.options.ClientIP = gateway.ForwardedFor
	}
	return s, nil
}

func checkUpstream(s string) (*url.URL, error) {
	const example = "such as https://api.openai.com"
	if s == "" {
		return nil, problemf("no upstream is set: set UPSTREAM_URL or --upstream to the URL of an OpenAI-compatible API, " + example)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, problemf("the upstream is not a URL: set UPSTREAM_URL or --upstream to a URL " + example) // without the URL, which may hold a password
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, problemf("the upstream's URL must not have a user, query or fragment: set UPSTREAM_URL or --upstream to a URL " + example + ", and UPSTREAM_API_KEY to its key")
	}
	return u, nil
}

// proxyListeners are the listeners of the proxy and of its metrics, which may be
// nil.
type proxyListeners struct{ proxy, metrics net.Listener }

func (s proxySettings) listen(ctx context.Context) (l proxyListeners, err error) {
	if l.proxy, err = listen(ctx, listenSetting, s.address); err == nil && s.metrics != "" {
		l.metrics, err = listen(ctx, metricsSetting, s.metrics)
	}
	if err != nil {
		l.close()
	}
	return l, err
}

func (l proxyListeners) close() {
	for _, listener := range []net.Listener{l.proxy, l.metrics} {
		if listener != nil {
			_ = listener.Close() // its server may have closed it already
		}
	}
}
