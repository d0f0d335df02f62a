// Command panicker is a function whose handler panics for the path /panic and
// writes nothing for the path /no_answer.
package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	lambda.Start(boot.Handler(http.HandlerFunc(answer), log))
}

func answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/no_answer" {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Request-Id", "request-1")
	_, _ = io.WriteString(w, `{"success":true,"message":"","data":null}`)
	if r.URL.Path == "/panic" {
		panic("on purpose")
	}
}
