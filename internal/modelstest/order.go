package modelstest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An order says how to answer. A request gives it in words of its text:
//
//	do:tokens-N        N tokens of text, instead of 8
//	do:input-N         N tokens of input, instead of 20
//	do:cached-N        N of the input's tokens were read from a cache
//	do:write-N         N more tokens were written to a cache for 5 minutes (Anthropic)
//	do:write1h-N       N more tokens were written to a cache for 1 hour (Anthropic)
//	do:reasoning-N     N more tokens of output for reasoning
//	do:no-usage        report no usage
//	do:seconds-N       a transcription reports N seconds instead of tokens
//	do:slow            10 ms between the events of a stream
//	do:cut-N           close the connection after N events
//	do:hang-N          after N events, wait until the client disconnects
//	do:fail-N          after N events, report an error in the stream
//	do:gzip            compress the answer, even if the client did not ask for it
//	do:error-STATUS    answer with this status and an error
//	do:error-in-200    an error in an answer with status 200
//	do:no-tools        answer with text although the request has tools
type order struct {
	tokens, input, cached, cacheWrite, cacheWrite1h, reasoning, seconds int64

	noUsage, gzip, errorIn200, noTools bool
	cut, hang, fail                    int64 // a number of events, or -1
	pause                              time.Duration
	status                             int
}

func parseOrder(body []byte) order {
	o := order{tokens: 8, input: 20, cut: -1, hang: -1, fail: -1}
	numbers := map[string]*int64{
		"tokens": &o.tokens, "input": &o.input, "cached": &o.cached, "write": &o.cacheWrite, "write1h": &o.cacheWrite1h,
		"reasoning": &o.reasoning, "seconds": &o.seconds, "cut": &o.cut, "hang": &o.hang, "fail": &o.fail,
	}
	for _, found := range regexp.MustCompile(`\bdo:([a-z0-9-]+)`).FindAllSubmatch(body, -1) {
		word := string(found[1])
		name, digits, _ := strings.Cut(word, "-")
		switch n, err := strconv.ParseInt(digits, 10, 64); {
		case word == "no-usage":
			o.noUsage = true
		case word == "slow":
			o.pause = 10 * time.Millisecond
		case word == "gzip":
			o.gzip = true
		case word == "error-in-200":
			o.errorIn200 = true
		case word == "no-tools":
			o.noTools = true
		case err == nil && name == "error":
			o.status = int(n)
		case err == nil && numbers[name] != nil:
			*numbers[name] = n
		default:
			panic("modelstest: unknown order do:" + word)
		}
	}
	return o
}

// word returns one token of text. Each is 8 bytes long.
func word(i int64) string { return fmt.Sprintf("word%03d ", i) }

func words(n int64) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(word(i))
	}
	return b.String()
}
