package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
)

// guardEngine serves the engine on a free port of 127.0.0.1 and refuses what a
// browser sends. The engine checks no signature and allows every web origin, so
// otherwise any page that the operator visits could change the table. The returned
// function stops it.
func guardEngine(ctx context.Context, endpoint string, log *slog.Logger) (guarded string, end func(), err error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return "", nil, err
	}
	listener, err := listen(ctx, "PORT", net.JoinHostPort(localhost, "0"))
	if err != nil {
		return "", nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	server := newServer(refusePages(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}), log)
	go func() { _ = server.Serve(listener) }() // ends with an error when end closes it
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		transport.CloseIdleConnections()
	}, nil
}

// refusePages refuses requests of web pages. A browser names the page's origin in
// each request that can change something. A page whose host name was made to point
// to this machine (DNS rebinding) is the engine's own origin, but its requests name
// that host.
func refusePages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
			refusePage(w, "The local DynamoDB engine refuses requests of web pages: they could change the table.")
		case !isLocalHost(r.Host):
			refusePage(w, "The local DynamoDB engine refuses requests for this host name: use http://127.0.0.1 and its port.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func refusePage(w http.ResponseWriter, message string) {
	body, _ := json.Marshal(map[string]string{"__type": "com.amazon.coral.service#AccessDeniedException", "message": message}) // texts alone
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(body)
}

// isLocalHost reports whether a Host header is an address, which no page can make
// point elsewhere, or a name by which this machine and its containers know it.
func isLocalHost(hostPort string) bool {
	host := hostPort
	if h, _, err := net.SplitHostPort(hostPort); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || host == "host.docker.internal"
}
