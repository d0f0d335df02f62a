package main

import (
	"cmp"
	"context"
	"net"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/gate"
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
	upstream gateway.Upstream
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
	if s.upstream, err = c.checkUpstream(); err != nil {
		return s, err
	}
	s.options, err = c.checkOptions()
	return s, err
}

func (c *proxyCmd) checkUpstream() (up gateway.Upstream, err error) {
	const how = "set UPSTREAM_URL or --upstream to the URL of a model API, such as https://api.openai.com"
	if c.Upstream == "" {
		return up, problemf("no upstream is set: " + how)
	}
	if up.URL, err = gateway.UpstreamURL(c.Upstream); err != nil {
		return up, problemf("the upstream is not usable, because %s: %s, and UPSTREAM_API_KEY to its key", sentence(err), how)
	}
	up.Key, up.Auth = os.Getenv("UPSTREAM_API_KEY"), gateway.UpstreamAuth(c.UpstreamAuth)
	if strings.ContainsFunc(up.Key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return up, problemf("UPSTREAM_API_KEY contains spaces or line breaks: set it to the key alone")
	}
	return up, nil
}

// minHoldTime leaves time to renew a hold.
const minHoldTime = 5 * time.Second

// checkOptions checks the flags of the middleware.
func (c *proxyCmd) checkOptions() (o gateway.Options, err error) {
	const mib, maxMiB = 1 << 20, 1 << 20 // a TiB
	switch {
	case c.MaxBody < 1 || c.MaxBody > maxMiB:
		return o, problemf("--max-body %d is not a size: use a number of MiB from 1 on", c.MaxBody)
	case c.Memory < c.MaxBody || c.Memory > maxMiB:
		return o, problemf("--memory %d is not a size: use a number of MiB that is at least --max-body, here %d", c.Memory, c.MaxBody)
	case c.HoldTime < minHoldTime || c.HoldTime > gate.MaxTTL || c.HoldTime%time.Second != 0:
		return o, problemf("--hold-time %s is not usable: use whole seconds from %s to %s", c.HoldTime, minHoldTime, gate.MaxTTL)
	}
	o = gateway.Options{
		AllowOrigins: c.AllowOrigin, Clamp: c.Clamp, NoInjectUsage: c.NoInjectUsage,
		MaxBodyBytes: c.MaxBody * mib, MaxMemoryBytes: c.Memory * mib, TTL: c.HoldTime,
	}
	for _, text := range c.Allow {
		allowed, err := gateway.ParseAllowed(text)
		if err != nil {
			return o, problemf("--allow: %s", sentence(err))
		}
		o.Allow = append(o.Allow, allowed)
	}
	for _, origin := range c.AllowOrigin {
		if _, err := gateway.ParseOrigin(origin); err != nil {
			return o, problemf("--allow-origin %s", sentence(err))
		}
	}
	if c.TrustForwardedFor {
		o.ClientIP = gateway.ForwardedFor
	}
	return o, nil
}

// upstreamAuths returns the values of --upstream-auth, separated by commas.
func upstreamAuths() string {
	var names []string
	for _, auth := range gateway.UpstreamAuths() {
		names = append(names, string(auth))
	}
	return strings.Join(names, ",")
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
