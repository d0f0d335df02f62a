package gateway_test

import (
	"bufio"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
)

// A request that takes longer than its hold renews it, so the hold does not expire and
// the request is charged exactly.
func TestHoldIsRenewed(t *testing.T) {
	t.Parallel()
	var s *server
	var id int64
	s = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Clock.Advance(2)
		old := s.Clock.Now().Unix() + 1
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			got, err := s.Get(t.Context(), s.Access, id)
			if err == nil && len(got.Holds) == 1 && got.Holds[0].ExpiresAt == old+2 {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("the hold was not renewed: got %+v, %v", got.Holds, err)
				break
			}
		}
		s.Clock.Advance(2)
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{TTL: 3 * time.Second})
	var key string
	key, id = s.newKey(t, 1000)
	s.chat(t, key, hello)
	s.wantUsed(t, key, 1000, 21)
}

// A client gets nothing of an answer that is no stream before it is charged, except white
// space; and an answer of up to 64 KiB costs two writes.
func TestPlainAnswerIsAssured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words, writes int
	}{"small": {2_000, 2}, "large": {40_000, 5}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault { return dynamotest.NoFault }}
			text := strings.Repeat("word", c.words) // one token for 4 bytes
			s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", jsonType)
				for _, part := range []string{"\n\n", `{"choices":[{"index":0,"message":{"role":"assistant","content":"` + text, `"}}]`, "}\n"} {
					_, _ = io.WriteString(w, part)
					_ = http.NewResponseController(w).Flush()
					time.Sleep(300 * time.Millisecond) // the client looks what it would be charged
				}
			}), gateway.Options{}, calls.Configure)
			key, id := s.newKey(t, 1_000_000)
			resp, err := http.DefaultClient.Do(s.chatRequest(t, key, `{"model":"gpt-4o","max_tokens":50000,"messages":[]}`))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // it was read
			if n, err := io.ReadFull(resp.Body, make([]byte, 1)); n != 1 {
				t.Errorf("the white space did not arrive: %v", err)
			}
			got, tokens := make([]byte, 16_000), int64(-20) // what is around the text
			for err == nil {
				var n int
				n, err = resp.Body.Read(got)
				tokens += int64(n) / 4
				is, getErr := s.Get(t.Context(), s.Access, id)
				if used := is.UsedAt(s.Clock.Now().Add(2 * gate.MaxTTL).Unix()); getErr != nil || used < tokens {
					t.Fatalf("%d tokens were delivered, and a death of the gateway would charge %d, %v", tokens, used, getErr)
				}
			}
			if err != io.EOF { //nolint:errorlint // a Reader returns it as it is
				t.Error(err)
			}
			s.wantUsed(t, key, 1_000_000, 13+int64(c.words))
			if n := calls.Attempts(dynamotest.UpdateItem); n > c.writes {
				t.Errorf("got %d writes, want %d", n, c.writes)
			}
		})
	}
}

// A stream goes on while its hold is renewed, however long that takes.
func TestSlowRenewal(t *testing.T) {
	t.Parallel()
	const delay, pieces = 1500 * time.Millisecond, 40
	var begun atomic.Pointer[time.Time]
	calls := &dynamotest.Faults{Delay: delay, Choose: func(op string, nth int) dynamotest.Fault {
		if op == dynamotest.UpdateItem && nth == 2 {
			begun.Store(new(time.Now()))
			return dynamotest.Late
		}
		return dynamotest.NoFault
	}}
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamType)
		for range pieces {
			_, _ = io.WriteString(w, strings.Replace(chunk, "c1", strconv.FormatInt(time.Now().UnixNano(), 10), 1))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		_, _ = io.WriteString(w, done)
	}), gateway.Options{TTL: 3 * time.Second}, calls.Configure)
	key, _ := s.newKey(t, 1000)
	resp, err := http.DefaultClient.Do(s.chatRequest(t, key, `{"model":"gpt-4o","stream":true,"messages":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	passed := 0             // pieces that were sent and arrived during the renewal
	sent := regexp.MustCompile(`"id":"(\d+)"`)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		at, renewal := sent.FindStringSubmatch(lines.Text()), begun.Load()
		if at == nil || renewal == nil {
			continue
		}
		nanos, err := strconv.ParseInt(at[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if nanos > renewal.UnixNano() && time.Since(*renewal) < delay {
			passed++
		}
	}
	if passed == 0 {
		t.Error("no piece arrived while the hold was renewed")
	}
	s.wantUsed(t, key, 1000, 12+pieces)
}

// Whenever a gateway dies, each stream is charged at least what it has delivered when its
// hold expires, and at most its input, twice its output, and 500 tokens.
func TestStreamIsAssured(t *testing.T) {
	t.Parallel()
	const granted, pieces = 100_000, 4000
	piece := strings.Replace(chunk, `,"usage":null`, "", 1) // as the client gets it
	for name, c := range map[string]struct {
		body   string
		input  int64
		dies   bool // its hold expires in the middle, as if it was not renewed
		writes int
	}{
		"held_at_once":  {body: `{"model":"gpt-4o","stream":true,"max_tokens":20000,"messages":[]}`, input: 17, writes: 5},
		"hold_grows":    {body: `{"model":"gpt-4o","stream":true,"messages":[]}`, input: 12, writes: 8},
		"hold_expired":  {body: `{"model":"gpt-4o","stream":true,"max_tokens":20000,"messages":[]}`, input: 17, dies: true, writes: 7},
		"long_input":    {body: `{"model":"gpt-4o","stream":true,"max_tokens":20000,"messages":[{"role":"user","content":"` + strings.Repeat("word", 14_000) + `"}]}`, input: 14_024, writes: 5},
		"expired_grows": {body: `{"model":"gpt-4o","stream":true,"messages":[]}`, input: 12, dies: true, writes: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := make(chan struct{}, 1) // what was delivered has been checked
			calls := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault { return dynamotest.NoFault }}
			s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", streamType)
				for range pieces {
					_, _ = io.WriteString(w, piece)
					_ = http.NewResponseController(w).Flush()
					select {
					case <-next:
					case <-r.Context().Done():
						return
					}
				}
				_, _ = io.WriteString(w, done)
			}), gateway.Options{}, calls.Configure)
			key, id := s.newKey(t, granted)
			resp, err := http.DefaultClient.Do(s.chatRequest(t, key, c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // it was read
			for n := range int64(pieces) {
				if _, err := io.ReadFull(resp.Body, make([]byte, len(piece))); err != nil {
					t.Fatal(err)
				}
				if c.dies && n == pieces/2 {
					s.Clock.Advance(int64(gate.DefaultTTL/time.Second) + 1)
				}
				if n%97 == 0 {
					got, err := s.Get(t.Context(), s.Access, id)
					delivered := c.input + n + 1
					if used := got.UsedAt(s.Clock.Now().Add(2 * gate.MaxTTL).Unix()); err != nil || used < delivered || used > delivered+n+501 {
						t.Fatalf("%d units were delivered, and a death of the gateway would charge %d, %v", delivered, used, err)
					}
				}
				next <- struct{}{}
			}
			if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != done {
				t.Errorf("got the end %q, %v", rest, err)
			}
			s.wantUsed(t, key, granted, c.input+pieces)
			if n := calls.Attempts(dynamotest.UpdateItem); n != c.writes {
				t.Errorf("got %d writes, want %d", n, c.writes)
			}
		})
	}
}
