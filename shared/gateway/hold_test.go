package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// disconnectAfter runs a request whose client reads the first part of a stream
// and then disconnects. It returns the server and the key.
func disconnectAfter(t *testing.T, firstPart string) (*server, string) {
	t.Helper()
	gone := make(chan struct{})
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", streamType)
		_, _ = io.WriteString(w, firstPart)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // the upstream's request is cancelled too
		close(gone)
	}), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := http.DefaultClient.Do(s.chatRequest(t, key, hello).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // the test abandons it
	if _, err := io.ReadFull(resp.Body, make([]byte, len(firstPart))); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-gone
	return s, key
}

// A client that disconnects pays for the estimated input and for what it has
// got, or for the usage that it has seen.
func TestDisconnect(t *testing.T) {
	t.Run("before_usage", func(t *testing.T) {
		s, key := disconnectAfter(t, chunk+chunk)
		s.wantUsed(t, key, 1000, helloInput+2)
	})
	t.Run("after_usage", func(t *testing.T) {
		s, key := disconnectAfter(t, chunk+lastChunk)
		s.wantUsed(t, key, 1000, 21)
	})
	for name, next := range map[string]http.HandlerFunc{
		"before_a_response": func(http.ResponseWriter, *http.Request) {},
		"then_an_error":     respond(http.StatusBadGateway, jsonType, "{}"), // as a reverse proxy does
	} {
		t.Run(name, func(t *testing.T) {
			started := make(chan struct{})
			s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(started)
				<-r.Context().Done()
				next(w, r)
			}), gateway.Options{})
			key, _ := s.newKey(t, 1000)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-started; cancel() }()
			if got := send(t, s.chatRequest(t, key, hello).WithContext(ctx)); !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %+v, want it cancelled", got)
			}
			s.wantUsed(t, key, 1000, helloInput)
		})
	}
}

// If the upstream breaks off, the client sees that, and pays for what it has got.
func TestBrokenStream(t *testing.T) {
	for name, body := range map[string]string{"plain": completion[:len(completion)-3], "stream": chunk + chunk} {
		s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, body)
			panic("on purpose")
		}), gateway.Options{})
		key, _ := s.newKey(t, 1000)
		if got := s.chat(t, key, hello); got.err == nil {
			t.Errorf("%s: the client got no error", name)
		}
		s.wantUsed(t, key, 1000, map[string]int64{"plain": 21, "stream": helloInput + 2}[name])
	}
}

// A response that outlasts its hold, because that was not renewed in time, keeps what the
// hold was charged when it expired. What exceeds that is charged, as far as the balance
// allows.
func TestExpiredHold(t *testing.T) {
	const ttlSeconds, rememberedSeconds = 3600, 900
	for name, c := range map[string]struct {
		granted int64
		seconds int64 // that the response takes
		spend   int64 // units that another request spends meanwhile
		tokens  int64 // of the response
		used    int64
	}{
		"costs_less": {granted: 1000, seconds: ttlSeconds + 1, tokens: 21, used: helloEstimate},
		"costs_more": {granted: 1000, seconds: ttlSeconds + 1, tokens: 700, used: 700},
		// A write for a busy key removes the record of a hold that expired long ago.
		"forgotten_costs_less":         {granted: 1000, seconds: ttlSeconds + 1 + rememberedSeconds, spend: 1, tokens: 21, used: helloEstimate + 1},
		"forgotten_costs_more":         {granted: 1000, seconds: ttlSeconds + 1 + rememberedSeconds, spend: 1, tokens: 700, used: 701},
		"is_charged_up_to_the_balance": {granted: 600, seconds: ttlSeconds + 1, tokens: 700, used: 600},
	} {
		t.Run(name, func(t *testing.T) {
			var s *server
			s = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.Clock.Advance(c.seconds)
				if c.spend > 0 {
					key, _ := s.key.Load().(string)
					if v, err := s.gate.Verify(r.Context(), key, quota.Question{Quota: c.spend, RequestID: "another-0123456789abcdefghijk"}); err != nil || !v.Valid() {
						t.Errorf("another request: got %q, %v, want it valid", v.Refusal, err)
					}
				}
				respond(http.StatusOK, jsonType, completionOf(c.tokens))(w, r)
			}), gateway.Options{TTL: gate.MaxTTL})
			key, _ := s.newKey(t, c.granted)
			s.key.Store(key)
			s.chat(t, key, hello)
			s.wantUsed(t, key, c.granted, c.used)
		})
	}
}

// A response that takes longer than its hold, which was charged when it expired
// because of a rotation, is charged only what exceeds that.
func TestExpiredHoldWasCharged(t *testing.T) {
	for name, c := range map[string]struct {
		body, contentType, answer string
		used                      func(held int64) int64
	}{
		"more_was_used": {`{"model":"gpt-4o","max_tokens":1,"messages":[]}`, jsonType, completion, func(int64) int64 { return 21 }},
		"less_was_used": {`{"model":"gpt-4o","max_tokens":100,"messages":[]}`, jsonType, completion, func(held int64) int64 { return held }},
		// The hold can't grow any more, so the stream makes a new one.
		"stream": {`{"model":"gpt-4o","max_tokens":1,"messages":[],"stream":true}`, streamType, strings.Repeat(chunk, 100), func(int64) int64 { return 16 + 100 }},
	} {
		t.Run(name, func(t *testing.T) {
			var s *server
			var id, held int64
			rotate := func(grace int64) string {
				rotation, err := s.NewKeyRotation(t.Context(), s.Access, id, grace)
				if err == nil {
					_, err = s.Rotate(t.Context(), s.Access, id, rotation)
				}
				if err != nil {
					t.Error(err)
				}
				return rotation.Key.Reveal()
			}
			var last string
			s = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := s.Get(t.Context(), s.Access, id)
				if err != nil {
					t.Error(err)
				}
				held = got.HeldAt(s.Clock.Now().Unix())
				last = rotate(7200)
				s.Clock.Advance(3601)
				respond(http.StatusOK, c.contentType, c.answer)(w, r)
			}), gateway.Options{TTL: gate.MaxTTL})
			_, id = s.newKey(t, 1000)
			s.chat(t, rotate(0), c.body)
			<-s.finished
			s.checkUsage(t, last, 1000, c.used(held))
		})
	}
}

// If a key is deleted during a request, the response still arrives.
func TestKeyDeletedDuringRequest(t *testing.T) {
	var s *server
	var id int64
	s = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.Delete(t.Context(), s.Access, id); err != nil {
			t.Error(err)
		}
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{})
	var key string
	key, id = s.newKey(t, 1000)
	if got := s.chat(t, key, hello); got.status != http.StatusOK || got.body != completion {
		t.Errorf("got %d %q, want 200 and the whole response", got.status, got.body)
	}
	<-s.finished
	if got := s.chat(t, key, hello); got.status != http.StatusUnauthorized {
		t.Errorf("the next request: got %d, want 401", got.status)
	}
}

// A settlement or release that fails is sent again until the store answers.
func TestSettleAndReleaseAreRetried(t *testing.T) {
	for name, next := range map[string]http.Handler{
		"settle":  respond(http.StatusOK, jsonType, completion),
		"release": respond(http.StatusBadRequest, jsonType, "{}"),
	} {
		for _, fault := range []dynamotest.Fault{dynamotest.ErrorAfter, dynamotest.ErrorBefore, dynamotest.Throttled} {
			t.Run(name+"/"+string(fault), func(t *testing.T) {
				faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
					if op == dynamotest.UpdateItem && nth > 1 && nth <= 8 { // the first write reserves
						return fault
					}
					return dynamotest.NoFault
				}}
				s := newServer(t, next, gateway.Options{}, faults.Configure)
				key, _ := s.newKey(t, 1000)
				s.chat(t, key, hello)
				used := int64(0)
				if name == "settle" {
					used = 21
				}
				s.wantUsed(t, key, 1000, used)
			})
		}
	}
}

// Concurrent requests with one key, some of which fail, are each charged their
// cost.
func TestConcurrentRequestsAreChargedExactly(t *testing.T) {
	const clients, granted = 64, 10_000_000
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Cost int64 }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		usage := fmt.Sprintf(`"usage":{"total_tokens":%d}`, in.Cost)
		switch in.Cost % 3 {
		case 0:
			respond(http.StatusTeapot, jsonType, "{"+usage+"}")(w, r)
		case 1:
			respond(http.StatusOK, jsonType, "{"+usage+"}")(w, r)
		default:
			respond(http.StatusOK, streamType, chunk+"data: {"+usage+"}\n\n"+done)(w, r)
		}
	}), gateway.Options{})
	key, _ := s.newKey(t, granted)
	var used atomic.Int64
	var all sync.WaitGroup
	for cost := range int64(clients) {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"m","cost":%d}`, cost)
			got := s.chat(t, key, body)
			for got.header.Get("Retry-After") == "1" { // too many at the same time
				got = s.chat(t, key, body)
			}
			switch {
			case got.status == http.StatusOK && cost%3 != 0:
				used.Add(cost)
			case got.status != http.StatusTeapot || cost%3 != 0:
				t.Errorf("got %d %s, %v", got.status, got.body, got.err)
			}
		})
	}
	all.Wait()
	s.Clock.Advance(int64(gate.DefaultTTL / time.Second)) // holds with a lost answer expire
	s.checkUsage(t, key, granted, used.Load())
}
