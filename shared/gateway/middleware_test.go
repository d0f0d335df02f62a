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

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
)

func TestAnAnswerIsChargedByItsUsage(t *testing.T) {
	const granted = 1000
	for name, c := range map[string]struct {
		contentType, answer string
		used                int64
	}{
		"plain":                  {asJSON, completion, 21},
		"plain/no_total":         {asJSON, `{"usage":{"prompt_tokens":9,"completion_tokens":12}}`, 21},
		"plain/responses_api":    {asJSON, `{"object":"response","usage":{"input_tokens":5,"output_tokens":6}}`, 11},
		"plain/nothing_used":     {asJSON, `{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, helloCosts},
		"plain/only_seconds":     {asJSON, `{"text":"Hi","usage":{"type":"duration","seconds":3}}`, helloCosts},
		"plain/no_usage":         {asJSON, `{"choices":[{"usage":{"total_tokens":1}}]}`, helloCosts},
		"plain/more_than_left":   {asJSON, `{"usage":{"total_tokens":5000}}`, granted},
		"plain/beyond_the_hold":  {asJSON, `{"usage":{"total_tokens":900}}`, 900},
		"audio":                  {"audio/mpeg", "\xff\xfb...", helloCosts},
		"empty":                  {asJSON, "", helloCosts},
		"stream":                 {asStream, chunk + chunk + lastChunk + done, 21},
		"stream/usage_each_time": {asStream, strings.ReplaceAll(lastChunk, "21", "1") + strings.ReplaceAll(lastChunk, "21", "2") + done, 2},
		"stream/responses_api":   {asStream, "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"total_tokens\":11}}}\n\n", 11},
		"stream/no_usage":        {asStream, chunk + chunk + done, helloCosts},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, proxied(t, says(http.StatusOK, c.contentType, c.answer)), gateway.Options{})
			key, _ := f.key(t, granted)
			if got := f.chat(t, key, hello); got.status != http.StatusOK || got.body != c.answer {
				t.Errorf("got %d %q, want 200 and the answer as it is", got.status, got.body)
			}
			f.wantUsed(t, key, granted, c.used)
		})
	}
}

func TestWhoeverHasReadAnAnswerFindsItCharged(t *testing.T) {
	for name, next := range map[string]http.Handler{
		"a stream": says(http.StatusOK, asStream, chunk+lastChunk+done),
		"an answer that says how many bytes it has": proxied(t, says(http.StatusOK, asJSON, completion)),
	} {
		f := newFront(t, next, gateway.Options{})
		key, _ := f.key(t, 1000)
		for n := range int64(20) {
			f.chat(t, key, hello)
			if t.Failed() {
				t.Fatalf("after %s", name)
			}
			f.audit(t, key, 1000, 21*(n+1))
		}
	}
}

func TestPriceAndEstimateAreTheOperators(t *testing.T) {
	const want = `{"model":"gpt-4o","n":3,"max_tokens":10,"max_completion_tokens":20}`
	estimated := make(chan gateway.EstimateInput, 1)
	f := newFront(t, says(http.StatusOK, asJSON, `{"usage":{"prompt_tokens":9,"cached":4}}`), gateway.Options{
		Estimate: func(e gateway.EstimateInput) int64 { estimated <- e; return 7 },
		Price: func(model string, usage gateway.Usage) int64 {
			var more struct{ Cached int64 }
			if err := json.Unmarshal(usage.Raw, &more); err != nil || model != "gpt-4o" {
				t.Errorf("got model %q and usage %s", model, usage.Raw)
			}
			return usage.Input + 100*more.Cached
		},
	})
	key, _ := f.key(t, 1000)
	f.chat(t, key, want)
	f.wantUsed(t, key, 1000, 409)
	if diff := cmp.Diff(gateway.EstimateInput{Model: "gpt-4o", BodyBytes: int64(len(want)), MaxTokens: 60}, <-estimated); diff != "" {
		t.Errorf("estimation differs (-want +got):\n%s", diff)
	}
}

func TestChunksArriveWhileTheStreamIsGoing(t *testing.T) {
	read := make(chan struct{})
	f := newFront(t, proxied(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", asStream)
		for range 3 {
			_, _ = io.WriteString(w, chunk)
			_ = http.NewResponseController(w).Flush()
			<-read // the client has the chunk
		}
		_, _ = io.WriteString(w, lastChunk+done)
	}), gateway.Options{})
	key, _ := f.key(t, 1000)
	answer, err := http.DefaultClient.Do(f.request(t, key, hello))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	for range 3 {
		if _, err := io.ReadFull(answer.Body, make([]byte, len(chunk))); err != nil {
			t.Fatal(err)
		}
		read <- struct{}{}
	}
	if rest, err := io.ReadAll(answer.Body); err != nil || string(rest) != lastChunk+done {
		t.Errorf("got %q, %v, want the rest of the stream", rest, err)
	}
	f.wantUsed(t, key, 1000, 21)
}

func TestWhatFailsIsFree(t *testing.T) {
	for name, c := range map[string]struct {
		next   http.Handler
		status int // 0 is none
	}{
		"status_500":    {proxied(t, says(http.StatusInternalServerError, asJSON, completion)), http.StatusInternalServerError},
		"status_302":    {proxied(t, says(http.StatusFound, asJSON, completion)), http.StatusFound},
		"unreachable":   {proxyTo(t, "http://127.0.0.1:1"), http.StatusBadGateway},
		"panic":         {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") }), 0},
		"abort_handler": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), 0},
		"panic/in_the_middle": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, completion[:len(completion)-3])
			panic("on purpose")
		}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, c.next, gateway.Options{})
			key, _ := f.key(t, 1000)
			if got := f.chat(t, key, hello); got.status != c.status || (got.err != nil) != (c.status == 0) {
				t.Errorf("got %d, %v, want %d", got.status, got.err, c.status)
			}
			f.wantUsed(t, key, 1000, 0)
		})
	}
}

// aborted has a client read the first words of a stream, then go.
func aborted(t *testing.T, words string) (*front, string) {
	t.Helper()
	gone := make(chan struct{})
	f := newFront(t, proxied(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asStream)
		_, _ = io.WriteString(w, words)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // upstream hears of it, too
		close(gone)
	}), gateway.Options{})
	key, _ := f.key(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := http.DefaultClient.Do(f.request(t, key, hello).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is given up
	if _, err := io.ReadFull(answer.Body, make([]byte, len(words))); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-gone
	return f, key
}

func TestAnAbortIsFreeBeforeTheUsageAndChargedAfterIt(t *testing.T) {
	f, key := aborted(t, chunk+chunk)
	f.wantUsed(t, key, 1000, 0)
	f, key = aborted(t, chunk+lastChunk)
	f.wantUsed(t, key, 1000, 21)
}

func TestAnAbortIsFreeAlsoIfNextReturnsQuietly(t *testing.T) {
	began := make(chan struct{})
	f := newFront(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}), gateway.Options{})
	key, _ := f.key(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if got := send(t, f.request(t, key, hello).WithContext(ctx)); !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %+v, want it cancelled", got)
	}
	f.wantUsed(t, key, 1000, 0)
}

func TestAnAnswerThatOutlivesItsHoldIsChargedAllTheSame(t *testing.T) {
	var f *front
	f = newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Clock.Step(3601)
		says(http.StatusOK, asJSON, completion)(w, r)
	}), gateway.Options{TTL: gate.MaxTTL})
	key, _ := f.key(t, 1000)
	f.chat(t, key, hello)
	f.wantUsed(t, key, 1000, 21)
}

// A busy key forgets a hold that lapsed soon after.
func TestAnAnswerThatOutlivesAHoldThatIsForgottenIsChargedAllTheSame(t *testing.T) {
	var f *front
	f = newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Clock.Step(3601 + 900)
		key, _ := f.keys.Load().(string)
		if v, err := f.gate.Verify(r.Context(), key, quota.Question{Quota: 1, RequestID: "another"}); err != nil || !v.Valid() {
			t.Errorf("spend meanwhile: got %q, %v", v.Refusal, err)
		}
		says(http.StatusOK, asJSON, completion)(w, r)
	}), gateway.Options{TTL: gate.MaxTTL})
	key, _ := f.key(t, 1000)
	f.keys.Store(key)
	f.chat(t, key, hello)
	f.wantUsed(t, key, 1000, 22)
}

func TestAnAnswerThatOutlivesItsHoldIsChargedAsFarAsTheBalanceGoes(t *testing.T) {
	var f *front
	f = newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Clock.Step(3601)
		says(http.StatusOK, asJSON, completion)(w, r)
	}), gateway.Options{TTL: gate.MaxTTL, Estimate: func(gateway.EstimateInput) int64 { return 5 }})
	key, _ := f.key(t, 15)
	f.chat(t, key, hello)
	f.wantUsed(t, key, 15, 15)
}

func TestAKeyThatIsDeletedMeanwhileEndsTheAnswerAsUsual(t *testing.T) {
	var f *front
	var id int64
	f = newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.Delete(t.Context(), f.Access, id); err != nil {
			t.Error(err)
		}
		says(http.StatusOK, asJSON, completion)(w, r)
	}), gateway.Options{})
	key, id2 := f.key(t, 1000)
	id = id2
	if got := f.chat(t, key, hello); got.status != http.StatusOK || got.body != completion {
		t.Errorf("got %d %q, want the answer", got.status, got.body)
	}
	<-f.ended
	if got := f.chat(t, key, hello); got.status != http.StatusUnauthorized {
		t.Errorf("the next request: got %d, want 401", got.status)
	}
}

func TestSettlementAndReleaseAreRepeatedUntilTheStoreAnswers(t *testing.T) {
	for name, next := range map[string]http.Handler{
		"settle":  says(http.StatusOK, asJSON, completion),
		"release": says(http.StatusBadRequest, asJSON, "{}"),
	} {
		for _, fault := range []dynamotest.Fault{dynamotest.ErrorAfter, dynamotest.ErrorBefore, dynamotest.Throttled} {
			t.Run(name+"/"+string(fault), func(t *testing.T) {
				faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
					if op == dynamotest.UpdateItem && nth > 1 && nth <= 8 { // the first reserves
						return fault
					}
					return dynamotest.NoFault
				}}
				f := newFront(t, next, gateway.Options{}, faults.Tweak)
				key, _ := f.key(t, 1000)
				f.chat(t, key, hello)
				used := int64(0)
				if name == "settle" {
					used = 21
				}
				f.wantUsed(t, key, 1000, used)
			})
		}
	}
}

// slow is for an engine on a busy machine, which needs longer than DynamoDB.
func slow(o *dynamodb.Options) { o.HTTPClient = &http.Client{Timeout: 10 * time.Second} }

func TestConcurrentRequestsOfOneTokenAreChargedExactly(t *testing.T) {
	const clients, granted = 64, 10_000_000
	f := newFront(t, proxied(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Cost int64 }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		usage := fmt.Sprintf(`"usage":{"total_tokens":%d}`, in.Cost)
		switch in.Cost % 3 {
		case 0:
			says(http.StatusTeapot, asJSON, "{"+usage+"}")(w, r)
		case 1:
			says(http.StatusOK, asJSON, "{"+usage+"}")(w, r)
		default:
			says(http.StatusOK, asStream, chunk+"data: {"+usage+"}\n\n"+done)(w, r)
		}
	}), gateway.Options{}, slow)
	key, _ := f.key(t, granted)
	var used atomic.Int64
	var all sync.WaitGroup
	for cost := range int64(clients) {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"m","cost":%d}`, cost)
			got := f.chat(t, key, body)
			for got.header.Get("Retry-After") == "1" { // it was too much at a time
				got = f.chat(t, key, body)
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
	f.Clock.Step(int64(gate.DefaultTTL / time.Second)) // a hold whose answer was too late is free again
	f.audit(t, key, granted, used.Load())
}
