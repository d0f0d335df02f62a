package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// API10:2023. Whatever usage an upstream reports, a request costs at least its estimated
// input if that usage is no valid number, and never more than the key has.
func TestUnsafeConsumption(t *testing.T) {
	const granted = 1000
	for name, c := range map[string]struct {
		contentType, body string
		least, most       int64
	}{
		"negative":          {jsonType, `{"usage":{"prompt_tokens":-9,"completion_tokens":-12,"total_tokens":-21}}`, helloInput, granted},
		"partly_negative":   {jsonType, `{"usage":{"prompt_tokens":100,"completion_tokens":-99,"total_tokens":1}}`, helloInput, granted},
		"beyond_int64":      {jsonType, `{"usage":{"total_tokens":9223372036854775808}}`, helloInput, granted},
		"largest":           {jsonType, `{"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,"total_tokens":9223372036854775807}}`, helloInput, granted},
		"exponent":          {jsonType, `{"usage":{"total_tokens":1e400}}`, helloInput, granted},
		"nan":               {jsonType, `{"usage":{"total_tokens":NaN}}`, helloInput, granted},
		"fraction":          {jsonType, `{"usage":{"prompt_tokens":0.5,"completion_tokens":0.5,"total_tokens":0.5}}`, 2, granted},
		"text":              {jsonType, `{"usage":{"prompt_tokens":"0","completion_tokens":"0","total_tokens":"0"}}`, helloInput, granted},
		"null":              {jsonType, `{"usage":null}`, helloInput, granted},
		"array":             {jsonType, `{"usage":[0]}`, helloInput, granted},
		"twice":             {jsonType, `{"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21},"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, helloInput, granted},
		"zero":              {jsonType, `{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, helloInput, granted},
		"deep":              {jsonType, strings.Repeat(`{"usage":`, 20_000) + `1` + strings.Repeat(`}`, 20_000), helloInput, granted},
		"cut_off":           {jsonType, `{"usage":{"total_tokens":2`, helloInput, granted},
		"wrong_type":        {"text/html", completion, helloInput, granted},
		"no_type":           {"", completion, helloInput, granted},
		"stream_as_json":    {jsonType, chunk + chunk + done, helloInput, granted},
		"json_as_stream":    {streamType, completion, helloInput, granted},
		"stream_negative":   {streamType, chunk + strings.NewReplacer("9", "-9", "12", "-12", "21", "-21").Replace(lastChunk) + done, helloInput + 1, granted},
		"stream_shrinks":    {streamType, chunk + lastChunk + strings.NewReplacer("12", "0", "21", "9").Replace(lastChunk) + done, helloInput, granted},
		"stream_long_line":  {streamType, "data: " + strings.Repeat("x", 3<<20) + "\n\n" + done, helloInput, granted},
		"stream_of_blanks":  {streamType, strings.Repeat("\n", 1<<20) + done, helloInput, granted},
		"stream_of_nothing": {streamType, "", helloInput, granted},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, reverseProxy(t, respond(http.StatusOK, c.contentType, c.body)), gateway.Options{})
			key, _ := s.newKey(t, granted)
			_ = s.chat(t, key, hello) // the answer may be broken off
			<-s.finished
			u, err := s.gate.Usage(t.Context(), key, quota.Origin{})
			if err != nil || u.Used < c.least || u.Used > c.most || u.Available != granted-u.Used {
				t.Errorf("got %d units used and %d left, %v, want %d to %d used and nothing held\n%s", u.Used, u.Available, err, c.least, c.most, s.log)
			}
		})
	}
}

// Requests that servers read in different ways are refused, or are one request for the
// middleware as for the upstream. Whether the server reads what follows in the connection
// is tested with tokenctl proxy.
func TestRequestSmuggling(t *testing.T) {
	var reached atomic.Int64
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		if text, err := io.ReadAll(r.Body); err != nil || strings.Contains(string(text), "smuggled") || r.URL.Path != "/v1/chat/completions" || r.TransferEncoding != nil {
			t.Errorf("the upstream got %s %s with %v and %q, %v", r.Method, r.URL, r.TransferEncoding, text, err)
		}
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{})
	key, _ := s.newKey(t, 10_000)
	length := len(hello)
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", length, hello)
	const smuggled = "POST /v1/files?smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	for name, c := range map[string]struct {
		head, body string
		reaches    bool
	}{
		"plain":              {fmt.Sprintf("Content-Length: %d", length), hello, true},
		"chunked":            {"Transfer-Encoding: chunked", chunked, true},
		"chunk_extension":    {"Transfer-Encoding: chunked", strings.Replace(chunked, "\r\n", ";a=\"b\"\r\n", 1), true},
		"trailer":            {"Transfer-Encoding: chunked\r\nTrailer: Authorization", strings.Replace(chunked, "0\r\n\r\n", "0\r\nAuthorization: Bearer x\r\n\r\n", 1), true},
		"two_lengths":        {fmt.Sprintf("Content-Length: %d\r\nContent-Length: %d", length, length+len(smuggled)), hello + smuggled, false},
		"length_list":        {fmt.Sprintf("Content-Length: %d, %d", length, length), hello + smuggled, false},
		"length_sign":        {fmt.Sprintf("Content-Length: +%d", length), hello, false},
		"length_hex":         {fmt.Sprintf("Content-Length: 0x%x", length), hello, false},
		"te_twice":           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", chunked, false},
		"te_list":            {"Transfer-Encoding: gzip, chunked", chunked, false},
		"te_unknown":         {"Transfer-Encoding: xchunked", chunked, false},
		"te_tab":             {"Transfer-Encoding:\tchunked\x0b", chunked, false},
		"blank_before_colon": {fmt.Sprintf("Transfer-Encoding : chunked\r\nContent-Length: %d", length), hello, false},
		"folded":             {fmt.Sprintf("Content-Length: %d\r\nX-Folded: a\r\n Transfer-Encoding: chunked", length), hello, true}, // one header: RFC 9112, 5.2
		"chunk_of_blanks":    {"Transfer-Encoding: chunked", strings.Replace(chunked, "\r\n", " x\r\n", 1), false},
		"chunk_negative":     {"Transfer-Encoding: chunked", "-1\r\n" + hello, false},
		"chunk_overflow":     {"Transfer-Encoding: chunked", "10000000000000000\r\n" + hello, false},
		"two_hosts":          {fmt.Sprintf("Host: y\r\nContent-Length: %d", length), hello, false},
		"nul":                {fmt.Sprintf("X-A: a\x00b\r\nContent-Length: %d", length), hello, false},
		"bare_cr":            {fmt.Sprintf("X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: %d", length), hello, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := reached.Load()
			status := raw(t, s.url, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+key+"\r\nContent-Type: application/json\r\n"+c.head+"\r\n\r\n"+c.body)
			if got := reached.Load() - before; got > 1 || (got == 1) != c.reaches || (status == http.StatusOK) != c.reaches {
				t.Errorf("got %d, and %d requests at the upstream, want it served: %t", status, got, c.reaches)
			}
		})
	}
}

// raw sends text over a connection of its own and returns the status of the first answer.
func raw(t *testing.T, url, text string) int {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // may be broken off
	_ = resp.Body.Close()
	return resp.StatusCode
}
