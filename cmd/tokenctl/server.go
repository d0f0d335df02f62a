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

func checkPort(s string) (int, error) {
	port, err := strconv.Atoi(s)
	if err != nil || port < 0 || port > 65535 {
		return 0, problemf("PORT %q is not a port: set it to a number from 0 to 65535, where 0 takes any free one", s)
	}
	return port, nil
}

func listen(ctx context.Context, port int) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, problemf("port %d is in use: stop what uses it, or set PORT to another, or to 0 for any free one", port)
	default:
		return nil, problemf("port %d can't be used (%s): set PORT to another, or to 0 for any free one", port, reason(err))
	}
}

// newServer bounds what a connection can hold that does nothing. How long a
// body and an answer may take is for the handler's sake, and not set.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      handler,
		DisableGeneralOptionsHandler: true, // so that OPTIONS * has our envelope, too
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  time.Minute,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve answers requests until the context ends, which is no error, or the
// engine does. Requests under way have some time to end by themselves; then
// their contexts do, and what they leave is tidied up.
func serve(ctx context.Context, listener net.Listener, server *http.Server, grace time.Duration, died <-chan struct{}) error {
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	server.BaseContext = func(net.Listener) context.Context { return base }
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		if !shutdown(base, server, grace) {
			abandon()
			const tidyUp = 2 * time.Second
			shutdown(context.WithoutCancel(base), server, tidyUp)
		}
		_ = server.Close()
		return nil
	case <-died:
		_ = server.Close()
		return problemf("the local DynamoDB engine ended while it was in use: start `tokenctl serve` again, the data are kept")
	case err := <-failed:
		return problemf("the server stopped (%s): start it again", reason(err))
	}
}

// shutdown waits for requests under way, and reports whether all have ended.
func shutdown(ctx context.Context, server *http.Server, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return server.Shutdown(ctx) == nil
}
