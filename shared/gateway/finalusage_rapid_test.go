package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// A report is the cumulative usage at one event of a stream.
type report struct{ fresh, cached, output int64 }

// event returns the event in which an API reports its usage so far.
func (r report) event(path string, last bool) string {
	input := r.fresh + r.cached
	switch path {
	case messagesPath:
		if last {
			return fmt.Sprintf("data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":%d,\"cache_read_input_tokens\":%d,\"output_tokens\":%d}}\n\n"+
				"data: {\"type\":\"message_stop\"}\n\n", r.fresh, r.cached, r.output)
		}
		return fmt.Sprintf("data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":%d,\"cache_read_input_tokens\":%d,\"output_tokens\":%d}}\n\n", r.fresh, r.cached, r.output)
	case geminiPath:
		finish := ""
		if last {
			finish = `"candidates":[{"finishReason":"STOP"}],`
		}
		return fmt.Sprintf("data: {%s\"usageMetadata\":{\"promptTokenCount\":%d,\"cachedContentTokenCount\":%d,\"candidatesTokenCount\":%d}}\r\n\r\n", finish, input, r.cached, r.output)
	default:
		end := ""
		if last {
			end = done
		}
		return fmt.Sprintf("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"prompt_tokens_details\":{\"cached_tokens\":%d},\"completion_tokens\":%d}}\n\n%s", input, r.cached, r.output, end)
	}
}

// The key is charged the price of the final usage of its stream, whatever the
// stream has reported before, and finds it charged when the stream ends.
func TestFinalUsageIsPriced(t *testing.T) {
	var stream atomic.Pointer[string]
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamType)
		_, _ = io.WriteString(w, *stream.Load())
	}), gateway.Options{})
	const input, cached, output, perUnit = 3000, 700, 11_000, 2000 // nano-dollars
	s.setPrices(t, `{"models":{"*":{"input":"3","cache_read":"0.7","output":"11"}}}`)
	const granted = 1 << 40
	key, _ := s.newKey(t, granted)
	var used int64
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SampledFrom([]string{chatPath, messagesPath, geminiPath}).Draw(rt, "path")
		var total report
		text := ""
		reports := rapid.IntRange(1, 6).Draw(rt, "reports")
		for i := range reports {
			total.fresh += rapid.Int64Range(0, 1000).Draw(rt, "fresh")
			total.cached += rapid.Int64Range(0, 1000).Draw(rt, "cached")
			total.output += rapid.Int64Range(1, 100_000).Draw(rt, "output")
			text += total.event(path, i == reports-1)
		}
		stream.Store(&text)
		if got := send(t, s.requestTo(t, key, path)); got.status != http.StatusOK || got.err != nil {
			rt.Fatalf("got %d %s, %v", got.status, got.body, got.err)
		}
		used += (total.fresh*input + total.cached*cached + total.output*output + perUnit - 1) / perUnit
		s.checkUsage(t, key, granted, used)
		<-s.finished
	})
}
