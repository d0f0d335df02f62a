package gateway_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/price"
)

// Observe gets what each request was charged.
func TestObserve(t *testing.T) {
	records := make(chan gateway.Record, 1)
	observe := gateway.Options{Observe: func(r gateway.Record) { records <- r }}
	s := newServer(t, reverseProxy(t, respond(http.StatusOK, jsonType, completion)), observe)
	key, _ := s.newKey(t, 1000)
	s.chat(t, key, hello)
	want := gateway.Record{Status: 200, Shape: "openai", Model: "gpt-4o", Charged: 21, Usage: price.Usage{InputTokens: 9, OutputTokens: 12}}
	if diff := cmp.Diff(want, <-records); diff != "" {
		t.Errorf("charged request (-want +got):\n%s", diff)
	}
	s.chat(t, "sk-nonsense", hello)
	if diff := cmp.Diff(gateway.Record{Status: 401, Shape: "openai"}, <-records); diff != "" {
		t.Errorf("refused request (-want +got):\n%s", diff)
	}
}
