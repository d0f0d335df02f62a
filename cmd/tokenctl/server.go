package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// checkPort parses a port number.
func checkPort(s string) (int, error) {
	port, err := strconv.Atoi(s)
	if err != nil || port < 0 || port > 65535 {
		return 0, problemf("PORT %q is not a port: set it to a number from 0 to 65535, where 0 chooses a free port", s)
	}
	return port, nil
}

// listen listens on 127.0.0.1; port 0 chooses a free port.
func listen(ctx context.Context, port int) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, problemf("port %d is in use: stop the program that uses it, or set PORT to another port, or to 0 for a free one", port)
	default:
		return nil, problemf("port %d is not usable (%s): set PORT to another port, or to 0 for a free one", port, reason(err))
	}
}

// newServer returns a server that closes idle connections. It sets no limit for
// request bodies and responses; callers set what suits their handler.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      handler,
		DisableGeneralOptionsHandler: true, // so that OPTIONS * gets an error in the API's format too
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  time.Minute,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve serves requests until ctx ends, which is not an error, or the engine
// ends. When ctx ends, requests in progress may finish within grace. After that
// their contexts are cancelled, and handlers have 2 seconds to clean up.
func serve(ctx context.Context, listener net.Listener, server *http.Server, grace time.Duration, died <-chan struct{}) error {
	base, cancelAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelAll()
	server.BaseContext = func(net.Listener) context.Context { return base }
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		if !shutdown(base, server, grace) {
			cancelAll()
			const cleanup = 2 * time.Second
			shutdown(context.WithoutCancel(base), server, cleanup)
		}
		_ = server.Close()
		return nil
	case <-died:
		_ = server.Close()
		return problemf("the local DynamoDB engine stopped unexpectedly: run `tokenctl serve` again; the data is not lost")
	case err := <-failed:
		return problemf("the server stopped (%s): start it again", reason(err))
	}
}

// shutdown waits for requests in progress and reports whether all have ended
// before the timeout.
func shutdown(ctx context.Context, server *http.Server, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return server.Shutdown(ctx) == nil
}
