package modelgateway

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// forward returns a handler that sends requests to the upstream with apiKey, if
// one is set.
func forward(upstream *url.URL, apiKey string, log *slog.Logger) http.Handler {
	const dialTimeout = 5 * time.Second
	return &httputil.ReverseProxy{
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout,
			ForceAttemptHTTP2: true, DisableCompression: true, IdleConnTimeout: time.Minute,
		},
		FlushInterval: -1, // send every piece at once
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			if apiKey != "" {
				r.Out.Header.Set("Authorization", "Bearer "+apiKey)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.WarnContext(r.Context(), "upstream failed", "error", err)
			failure(http.StatusBadGateway, "server_error", "upstream_unreachable",
				"The API behind this gateway can't be reached. Nothing was charged. Try again later.").Write(w)
		},
	}
}
