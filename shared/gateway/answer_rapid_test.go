package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/price"
)

// A script is a stream of one API. Each piece of its text is one token.
type script struct {
	path   string
	events []string
	usage  price.Usage // of the whole stream; zero if it does not report any
}

// drawScript draws a stream with reports of usage that grow or stand still.
func drawScript(rt *rapid.T) script {
	pieces := rapid.IntRange(0, 60).Draw(rt, "pieces")
	input, output := rapid.Int64Range(1, 40).Draw(rt, "input"), int64(pieces)+rapid.Int64Range(0, 20).Draw(rt, "reasoning")
	reports := rapid.Bool().Draw(rt, "reports")
	s := script{}
	if reports && pieces > 0 {
		s.usage = price.Usage{InputTokens: input, OutputTokens: output}
	}
	switch rapid.IntRange(0, 3).Draw(rt, "api") {
	case 0:
		s.path, s.events = chatPath, append(repeat(chunk, pieces), finishChunk)
		if s.usage != (price.Usage{}) {
			s.events = append(s.events, fmt.Sprintf("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\n", input, output))
		}
		s.events = append(s.events, done)
	case 1:
		s.path, s.events = responsesPath, repeat(responseDelta, pieces)
		usage := "null"
		if s.usage != (price.Usage{}) {
			usage = fmt.Sprintf("{\"input_tokens\":%d,\"output_tokens\":%d}", input, output)
		}
		s.events = append(s.events, "data: {\"type\":\"response.completed\",\"response\":{\"usage\":"+usage+"}}\n\n")
	case 2:
		start, end := "", ""
		if s.usage != (price.Usage{}) {
			start, end = fmt.Sprintf(`,"message":{"usage":{"input_tokens":%d,"output_tokens":1}}`, input), fmt.Sprintf(`,"usage":{"output_tokens":%d}`, output)
		}
		s.path, s.events = messagesPath, []string{"data: {\"type\":\"message_start\"" + start + "}\n\n"}
		s.events = append(s.events, repeat("data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n", pieces)...)
		s.events = append(s.events, "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}"+end+"}\n\n", "data: {\"type\":\"message_stop\"}\n\n")
	default:
		s.path = geminiPath
		for i := range pieces {
			usage := ""
			if s.usage != (price.Usage{}) {
				usage = fmt.Sprintf(`,"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d}`, input, min(int64(i+1), output))
			}
			s.events = append(s.events, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]"+usage+"}\r\n\r\n")
		}
		end := ""
		if s.usage != (price.Usage{}) {
			end = fmt.Sprintf(`,"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d}`, input, output)
		}
		s.events = append(s.events, "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]"+end+"}\r\n\r\n")
	}
	return s
}

func repeat(event string, n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = event
	}
	return events
}

// However a stream ends, its client has paid for what it has got, and not more
// than the balance. A stream that reaches its end costs what it reports.
func TestChargeCoversDelivery(t *testing.T) {
	var current atomic.Pointer[script]
	var sends atomic.Int64 // events that the upstream sends before it breaks off
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamType)
		script := current.Load()
		for i, event := range script.events {
			if int64(i) == sends.Load() {
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
		}
	}), gateway.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		script := drawScript(rt)
		current.Store(&script)
		sends.Store(rapid.Int64Range(0, int64(len(script.events))+3).Draw(rt, "sends"))
		reads := rapid.IntRange(0, len(strings.Join(script.events, ""))+100).Draw(rt, "reads") // bytes until the client disconnects
		granted := rapid.Int64Range(1, 150).Draw(rt, "granted")
		key, _ := s.newKey(t, granted)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := http.DefaultClient.Do(s.requestTo(t, key, script.path).WithContext(ctx))
		if err != nil {
			<-s.finished
			return // the upstream broke off before it responded
		}
		got, err := io.ReadAll(io.LimitReader(resp.Body, int64(reads)))
		cancel()
		_ = resp.Body.Close()
		<-s.finished
		u, usageErr := s.gate.Usage(t.Context(), key, quota.Origin{})
		if usageErr != nil {
			rt.Fatal(usageErr)
		}
		delivered := int64(strings.Count(string(got), `"Hi"`))
		if u.Used > granted || u.Used < delivered || u.Available != granted-u.Used {
			rt.Errorf("%d used and %d available of %d, although %d tokens were delivered\n%s", u.Used, u.Available, granted, delivered, s.log)
		}
		whole := err == nil && string(got) == strings.Join(script.events, "") && len(got) < reads
		if cost := script.usage.InputTokens + script.usage.OutputTokens; whole && cost > 0 && u.Used != min(cost, granted) {
			rt.Errorf("%d used of %d, want the %d that were reported", u.Used, granted, cost)
		}
	})
}

// A stream costs its final usage, whatever usages came before: they are
// cumulative, and some servers report in each event.
func TestFinalUsageIsCharged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		api := rapid.SampledFrom([]string{"openai", "anthropic", "gemini"}).Draw(rt, "api")
		names := map[string][2]string{
			"openai": {"prompt_tokens", "completion_tokens"}, "anthropic": {"input_tokens", "output_tokens"}, "gemini": {"promptTokenCount", "candidatesTokenCount"},
		}[api]
		var body strings.Builder
		var input, output int64
		for range rapid.IntRange(1, 10).Draw(rt, "reports") {
			input += rapid.Int64Range(0, 100).Draw(rt, "input")
			output += rapid.Int64Range(0, 1<<40).Draw(rt, "output")
			usage, err := json.Marshal(map[string]int64{names[0]: input, names[1]: output})
			if err != nil {
				rt.Fatal(err)
			}
			member := map[string]string{"openai": "usage", "anthropic": "usage", "gemini": "usageMetadata"}[api]
			fmt.Fprintf(&body, "data: {%q:%s}\n\n", member, usage)
		}
		if input == 0 && output == 0 {
			return // nothing is reported
		}
		got := gateway.ReadAnswer(api, []byte(body.String()), rapid.IntRange(1, 50).Draw(rt, "piece"), price.Usage{InputTokens: 17}, true)
		if want := (price.Usage{InputTokens: input, OutputTokens: output}); got.Usage != want {
			rt.Errorf("got %+v, want %+v", got.Usage, want)
		}
	})
}
