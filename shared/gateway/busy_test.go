package gateway_test

import (
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gateway"
)

// Each of 200 requests on one key is two writes, one that reserves and one that
// settles or releases.
func TestBusyKeyCosts(t *testing.T) {
	const requests, granted = 200, 100_000
	writes := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault { return dynamotest.NoFault }}
	n := 0
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		if n%10 == 0 {
			respond(http.StatusBadRequest, jsonType, "{}")(w, r)
			return
		}
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{}, writes.Configure)
	key, _ := s.newKey(t, granted)
	for i := range requests {
		s.chat(t, key, hello)
		<-s.finished
		if got, want := writes.Attempts(dynamotest.UpdateItem), 2*(i+1); got != want {
			t.Fatalf("%d requests made %d writes, want %d", i+1, got, want)
		}
	}
	s.checkUsage(t, key, granted, requests*9/10*21)
}
