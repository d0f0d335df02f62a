package api

import (
	"log/slog"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// Fail answers with an error if New could not: the event is not a request, or
// the handler returned no answer. Envelope and log line are those of New.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	out := reply{requestID: requestID(r.Context())}
	out.fail(err)
	out.write(w, r)
	record(log, r, Route{Endpoint: Endpoint{Name: "none"}}, out, reqlog.Cost{}, 0)
}
