package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const localhost = "127.0.0.1"

// checkPort parses a port number.
func checkPort(s string) (int, error) {
	port, err := strconv.Atoi(s)
	if err != nil || port < 0 || port > 65535 {
		return 0, problemf("PORT %q is not a port: set it to a number from 0 to 65535, where 0 chooses a free port", s)
	}
	return port, nil
}

// checkListen parses the value of a flag for an address to listen on, and returns
// the address as net.Listen takes it. A port alone is one of 127.0.0.1.
func checkListen(setting, s string) (string, error) {
	host, port := localhost, s
	var err error
	if strings.Contains(s, ":") {
		host, port, err = net.SplitHostPort(s)
	}
	if n, notNumber := strconv.Atoi(port); err != nil || notNumber != nil || n < 0 || n > 65535 {
		return "", problemf("%q is not an address to listen on: set %s to host:port, such as 127.0.0.1:%s or [::1]:%s, to :port for all addresses of this machine, or to a port of 127.0.0.1", s, setting, defaultProxyPort, defaultProxyPort)
	}
	return net.JoinHostPort(host, port), nil
}

// listen listens on an address; port 0 chooses a free port. The setting is what
// the operator can change if that fails.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	host, port, _ := net.SplitHostPort(address) // an address that is not valid fails as such
	what := "port " + port
	if host != localhost {
		what = "address " + address
	}
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, problemf("%s is in use: stop the program that uses it, or set %s to another port, or to 0 for a free one", what, setting)
	default:
		return nil, problemf("%s is not usable (%s): set %s to another one, or its port to 0 for a free one", what, reason(err), setting)
	}
}

// baseURL returns the URL at which programs on this machine reach a listener. If
// it listens on all addresses, everywhere is true.
func baseURL(address net.Addr) (base string, everywhere bool) {
	host, port, err := net.SplitHostPort(address.String())
	if ip, invalid := netip.ParseAddr(host); err == nil && invalid == nil && ip.IsUnspecified() {
		host, everywhere = localhost, true
	}
	return "http://" + net.JoinHostPort(host, port), everywhere
}

// newServer returns a server that closes idle connections. It sets no limit for
// request bodies and responses; callers set what suits their handler.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      closeAfterChunks(handler),
		DisableGeneralOptionsHandler: true, // so that OPTIONS * gets an error in the API's format too
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  time.Minute,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// closeAfterChunks closes the connection after a request in chunks. net/http does not
// tell whether such a request also had a Content-Length, by which a proxy in front may
// have read it. What follows would then be a request that the proxy has not seen, so
// RFC 9112, section 6.1, wants the connection closed.
func closeAfterChunks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TransferEncoding != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// A stop says how a server stops when its context ends. Functions may be nil.
type stop struct {
	begin   func()                // is called first, before the listener is closed
	drain   func(context.Context) // returns when no request is in progress or its context ends
	grace   time.Duration         // for requests in progress to finish, drain included
	cleanup time.Duration         // for their handlers to return, once their contexts are cancelled
	finish  func()                // waits for work that goes on in the background
}

// serve serves requests until ctx ends, which is not an error, or the engine
// ends. When ctx ends, it accepts no more connections, and requests in progress
// may finish within the grace period. After that their contexts are cancelled.
func serve(ctx context.Context, listener net.Listener, server *http.Server, s stop, died <-chan struct{}) error {
	collectLess()
	base, cancelAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelAll()
	server.BaseContext = func(net.Listener) context.Context { return base }
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		if s.begin != nil {
			s.begin()
		}
		_ = listener.Close() // the server has not closed it, so this can't fail
		s.run(base, server, cancelAll)
		return nil
	case <-died:
		_ = server.Close()
		return problemf("the local DynamoDB engine stopped unexpectedly: run `tokenctl serve` again; the data is not lost")
	case err := <-failed:
		return problemf("the server stopped (%s): start it again", reason(err))
	}
}

// run stops a server. cancelAll cancels the contexts of its requests, which come
// from base.
func (s stop) run(base context.Context, server *http.Server, cancelAll func()) {
	grace, end := context.WithTimeout(base, s.grace)
	defer end()
	if s.drain != nil {
		s.drain(grace)
	}
	if server.Shutdown(grace) != nil { // requests are still in progress
		cancelAll()
		ctx, end := context.WithTimeout(context.WithoutCancel(base), s.cleanup)
		defer end()
		_ = server.Shutdown(ctx) // what is still in progress then is lost
	}
	_ = server.Close()
	if s.finish != nil {
		s.finish()
	}
}

// collectLess makes a server collect garbage when its heap has grown to five times what
// is in use, instead of twice, unless the operator has set GOGC. docs/performance.md has
// what that gives.
func collectLess() {
	const percent = 400
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
