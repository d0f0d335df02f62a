package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// metrics are what the proxy counts for Prometheus. The values of a label are
// few, whatever callers send, and never contain a key.
type metrics struct {
	registry                         *prometheus.Registry
	requests                         *prometheus.CounterVec // by status and shape
	tokens                           *prometheus.CounterVec // by kind and model
	charged, settleFailures          prometheus.Counter
	held                             prometheus.Gauge
	upstreamLatency, timeToFirstByte prometheus.Histogram
	models                           modelNames
}

// newMetrics returns metrics of a proxy. inFlight returns the number of requests
// in progress.
func newMetrics(inFlight func() float64) *metrics {
	const space = "latchkey"
	seconds := []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: space, Name: "requests_total", Help: "Requests that have ended, by status and by the API that the caller speaks.",
		}, []string{"status", "shape"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: space, Name: "tokens_total", Help: "Tokens charged, by kind and model. Reasoning is a part of output.",
		}, []string{"kind", "model"}),
		charged: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "units_charged_total", Help: "Units charged.",
		}),
		settleFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "settle_failures_total", Help: "Holds that could neither be settled nor released. They expire.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "units_held", Help: "Units reserved by this process for requests in progress.",
		}),
		upstreamLatency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: space, Name: "upstream_latency_seconds", Help: "Time from forwarding a request to the headers of the answer.", Buckets: seconds,
		}),
		timeToFirstByte: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: space, Name: "time_to_first_byte_seconds", Help: "Time from forwarding a request to the first byte of the answer's body.", Buckets: seconds,
		}),
	}
	m.registry.MustRegister(m.requests, m.tokens, m.charged, m.settleFailures, m.held, m.upstreamLatency, m.timeToFirstByte,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: space, Name: "requests_in_flight", Help: "Requests in progress.",
		}, inFlight))
	return m
}

const metricsPath = "/metrics"

// serveMetrics serves the metrics and the proxy's health until the process ends, so
// also during the drain.
func serveMetrics(listener net.Listener, m *metrics, d *drain, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+healthPath, d.health)
	server := newServer(mux, log)
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 20*time.Second
	if err := server.Serve(listener); !errors.Is(err, net.ErrClosed) {
		log.Warn("metrics are not served any more", "error", reason(err))
	}
}

// observe counts a request that has ended.
func (m *metrics) observe(r gateway.Record) {
	m.requests.WithLabelValues(statusLabel(r.Status), r.Shape).Inc()
	if r.SettleFailed {
		m.settleFailures.Inc()
	}
	if r.Charged <= 0 {
		return
	}
	m.charged.Add(float64(r.Charged))
	model := m.models.label(r.Model)
	for kind, n := range map[string]int64{
		"input": r.Usage.InputTokens, "output": r.Usage.OutputTokens, "reasoning": r.Usage.ReasoningTokens,
		"cache_read": r.Usage.CacheReadTokens, "cache_write": r.Usage.CacheWriteTokens, "cache_write_1h": r.Usage.CacheWrite1hTokens,
	} {
		if n > 0 {
			m.tokens.WithLabelValues(kind, model).Add(float64(n))
		}
	}
}

// statusLabel returns a status as a label. An upstream can answer any number.
func statusLabel(status int) string {
	if http.StatusText(status) == "" {
		return "other"
	}
	return strconv.Itoa(status)
}

// upstream measures how a handler behind the middleware answers.
func (m *metrics) upstream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, _ := gateway.GrantOf(r.Context()) // the zero Grant holds nothing
		held := float64(grant.HeldUnits)
		m.held.Add(held)
		defer m.held.Sub(held)
		next.ServeHTTP(&measuredWriter{ResponseWriter: w, metrics: m, started: time.Now()}, r)
	})
}

// A measuredWriter observes when the headers and the first byte are written.
type measuredWriter struct {
	http.ResponseWriter
	metrics       *metrics
	started       time.Time
	header, first bool
}

func (w *measuredWriter) WriteHeader(status int) {
	if status >= http.StatusOK && !w.header { // an informational status is not the answer
		w.header = true
		w.metrics.upstreamLatency.Observe(time.Since(w.started).Seconds())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *measuredWriter) Write(p []byte) (int, error) {
	if !w.first && len(p) > 0 {
		w.first = true
		w.metrics.timeToFirstByte.Observe(time.Since(w.started).Seconds())
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap returns the writer with the methods that http.ResponseController needs.
func (w *measuredWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// otherModel is the label of all models that have none of their own.
const otherModel = "other"

// modelNames turns names that callers choose into labels. The first maxModels
// that were charged get their own.
type modelNames struct {
	mu    sync.Mutex
	known map[string]bool
}

func (n *modelNames) label(model string) string {
	const maxModels, maxLength = 100, 100
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '*' } // a masked credential has asterisks
	if model == "" || len(model) > maxLength || strings.ContainsFunc(model, odd) {
		return otherModel
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[string]bool{}
	}
	if !n.known[model] && len(n.known) >= maxModels {
		return otherModel
	}
	n.known[model] = true
	return model
}
