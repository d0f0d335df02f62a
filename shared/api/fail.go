package api

import (
	"log/slog"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// Fail answers an error where New could not: what came is no request, or the
// answer to it was lost. It has the same envelope and leaves the same log
// line.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	out := reply{requestID: requestID(r.Context())}
	out.fail(err)
	out.write(w)
	record(log, r, Route{Endpoint: Endpoint{Name: "none"}}, out, reqlog.Cost{}, 0)
}
