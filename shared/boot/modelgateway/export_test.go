package modelgateway

import (
	"log/slog"
	"net/http"
)

// NewHandler returns the handler of function URL events in front of next.
func NewHandler(next http.Handler) streamHandler {
	return handler(next, func() {}, slog.New(slog.DiscardHandler))
}
