package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// Time limits towards the upstream. No limit interrupts a response that keeps
// arriving.
const (
	dialTimeout   = 5 * time.Second  // for the connection to the upstream
	headerTimeout = 10 * time.Minute // for the upstream to begin its response
)

// forward returns a handler that sends requests to the upstream with apiKey, if
// one is set.
func forward(upstream *url.URL, apiKey string, log *slog.Logger) http.Handler {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // decompression would delay the pieces of a stream
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       time.Minute,
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // send every piece at once
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			if apiKey != "" {
				r.Out.Header.Set("Authorization", "Bearer "+apiKey)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // otherwise the client has closed the connection
				log.WarnContext(r.Context(), "upstream failed", "error", reason(err))
			}
			p := gateway.ErrorResponse{
				Status: http.StatusBadGateway, Type: "server_error", Code: "upstream_unreachable",
				Message: "The API behind this proxy can't be reached. Nothing was charged. Try again later.",
			}
			p.Write(w)
		},
	}
}
