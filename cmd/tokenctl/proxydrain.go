package main

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

const healthPath = gateway.HealthPath

// A drain ends the service without breaking it off. Once it has begun, requests
// in progress may finish, and GET /healthz answers 503 instead of 200 on
// connections that are still open, so that a load balancer goes elsewhere.
type drain struct {
	begun    atomic.Bool
	requests atomic.Int64 // in progress, without those for the health
}

// wrap returns a handler that answers requests for /healthz itself, and counts
// the others and passes them on.
func (d *drain) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		if r.URL.Path == healthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			d.health(w, r)
			return
		}
		d.requests.Add(1)
		defer d.requests.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// health answers whether the proxy takes requests.
func (d *drain) health(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusOK, "ok\n"
	if d.begun.Load() {
		status, text = http.StatusServiceUnavailable, "draining\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // fails only if the client has disconnected
}

// inProgress returns the number of requests in progress.
func (d *drain) inProgress() float64 { return float64(d.requests.Load()) }

func (d *drain) begin() { d.begun.Store(true) }

// wait waits until no request is in progress, or the context ends. The listener
// must be closed.
func (d *drain) wait(ctx context.Context) {
	const pause = 10 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for d.requests.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
