package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// An answer in a coding that the middleware can't decode is charged as if each
// four bytes were a token.
func TestUnknownCoding(t *testing.T) {
	for name, body := range map[string]string{"text": strings.Repeat("abcd", 100), "binary": strings.Repeat("\x1f\x9d\x90\x00", 100)} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "compress")
				respond(http.StatusOK, jsonType, body)(w, r)
			}), gateway.Options{})
			key, _ := s.newKey(t, 1000)
			if got := s.chat(t, key, hello); got.status != http.StatusOK || got.body != body || got.header.Get("Content-Encoding") != "compress" {
				t.Errorf("got %d %q, %v, want the answer as it is", got.status, got.body, got.header)
			}
			s.wantUsed(t, key, 1000, helloInput+100)
		})
	}
}
