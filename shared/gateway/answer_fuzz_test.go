package gateway_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/price"
)

// FuzzAnswer checks that an answer is read in the same way in any pieces, and
// that no answer leads to a negative usage or a panic.
func FuzzAnswer(f *testing.F) {
	apis := []string{"openai", "anthropic", "gemini"}
	for _, c := range goldenCases() {
		for i, api := range apis {
			if api == c.api {
				f.Add(uint8(i), []byte(c.body), uint8(5), true)
			}
		}
	}
	f.Add(uint8(0), []byte(`{"usage":{"total_tokens":-1,"prompt_tokens":"12","completion_tokens":1e400}}{}x data: {}`), uint8(1), false)
	f.Fuzz(func(t *testing.T, api uint8, body []byte, piece uint8, complete bool) {
		name, input := apis[int(api)%len(apis)], price.Usage{InputTokens: 17}
		whole := gateway.ReadAnswer(name, body, len(body)+1, input, complete)
		parts := gateway.ReadAnswer(name, body, int(piece)+1, input, complete)
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Errorf("in pieces of %d: differs (-whole +pieces):\n%s", piece+1, diff)
		}
		u := whole.Usage
		if min(u.InputTokens, u.OutputTokens, u.CacheReadTokens, u.CacheWriteTokens, u.CacheWrite1hTokens, u.ReasoningTokens, u.AudioSeconds, u.Images) < 0 {
			t.Errorf("negative usage %+v", u)
		}
		if !complete && u.OutputTokens < whole.Delivered {
			t.Errorf("%d output tokens, want at least the %d that were delivered", u.OutputTokens, whole.Delivered)
		}
	})
}

// readEvents reads events as the specification describes it.
func readEvents(body []byte) (events []gateway.Event) {
	lines := regexp.MustCompile("\r\n|\r|\n").Split(string(body), -1)
	var event gateway.Event
	var data []string
	for _, line := range lines[:len(lines)-1] { // the last one is incomplete
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			event.Data = strings.Join(data, "\n")
			events, event, data = append(events, event), gateway.Event{}, nil
		case name == "data":
			data = append(data, value)
		case name == "event":
			event.Name = value[:min(len(value), 64)]
		}
	}
	return events
}

// FuzzEvents checks that events are read as the specification describes it, in
// any pieces.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{
		chunk + done, "data: a\r\ndata:b\r\n\r\nevent: x\rdata\r\r: comment\n\ndata:  c\n\n", "event:a\nevent: b\ndatax: 1\nhello\n\n", "\r\n\r\n\n\r",
	} {
		f.Add([]byte(seed), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, piece uint8) {
		got, text, size := gateway.ReadEvents(body, int(piece)+1)
		if diff := cmp.Diff(readEvents(body), got); diff != "" || size != len(body) {
			t.Errorf("read %d of %d bytes; events differ (-want +got):\n%s", size, len(body), diff)
		}
		if _, whole, _ := gateway.ReadEvents(body, len(body)+1); whole != text {
			t.Errorf("other text: got %q, want %q", text, whole)
		}
	})
}

// jsonValues lists the scalars of a JSON text with json.Decoder.
func jsonValues(value any, path string) (values []string) {
	switch v := value.(type) {
	case []member:
		for _, m := range v {
			values = append(values, jsonValues(m.value, strings.TrimPrefix(path+"."+m.name, "."))...)
		}
	case []any:
		for _, item := range v {
			values = append(values, jsonValues(item, path+"[]")...)
		}
	case string:
		values = append(values, fmt.Sprint(path, " ", len(v)))
	case json.Number:
		values = append(values, path+" "+v.String())
	case nil:
		values = append(values, path+" null")
	default:
		values = append(values, fmt.Sprint(path, " ", v))
	}
	return values
}

type member struct {
	name  string
	value any
}

// decodeInOrder decodes the next value, with the members of objects in order.
func decodeInOrder(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		members := []member{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeInOrder(d)
			if err != nil {
				return nil, err
			}
			members = append(members, member{fmt.Sprint(name), value})
		}
		_, err := d.Token()
		return members, err
	case json.Delim('['):
		items := []any{}
		for d.More() {
			item, err := decodeInOrder(d)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		_, err := d.Token()
		return items, err
	default:
		return token, nil
	}
}

// FuzzJSONReader checks that the values of a JSON object are those that
// json.Decoder finds, with the same paths, in any pieces.
func FuzzJSONReader(f *testing.F) {
	for _, seed := range []string{
		completion, `{"a":[{"b":null},[true,-1.5e3]],"\u0061":"\u00e9\ud83d\ude00\n","":{}}`, `{"a":[[],{}],"b":""}`, `{"a":1}{"a":2}`,
	} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, piece uint8) {
		whole, wholeOK := gateway.JSONValues(body, len(body)+1)
		got, ok := gateway.JSONValues(body, int(piece)+1)
		if diff := cmp.Diff(whole, got); diff != "" || ok != wholeOK {
			t.Errorf("in pieces of %d: differs (-whole +pieces):\n%s", piece+1, diff)
		}
		if !json.Valid(body) || !utf8.Valid(body) || !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) {
			return // half a surrogate pair has no UTF-8
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		value, err := decodeInOrder(d)
		if err != nil {
			t.Fatal(err)
		}
		want := jsonValues(value, "")
		for _, line := range want {
			if len(line) > 200 || strings.Count(line, "[]") > 50 {
				return // beyond what is kept
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values differ (-want +got):\n%s", diff)
		}
	})
}

// encode compresses a body.
func encode(t testing.TB, coding string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "raw_deflate":
		w, err = flate.NewWriter(&out, flate.DefaultCompression)
	case "br":
		w = brotli.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzDecode checks that a body is decoded in the same way in any pieces, that a
// compressed body becomes what it was, and that an incomplete one is an error.
func FuzzDecode(f *testing.F) {
	codings := []string{"gzip", "deflate", "raw_deflate", "br", "zstd"}
	for i := range codings {
		f.Add(uint8(i), []byte(completion), uint8(3))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte, piece uint8) {
		coding := codings[int(which)%len(codings)]
		applied := []string{strings.TrimPrefix(coding, "raw_")}
		whole, wholeErr := gateway.Decode(applied, body, len(body)+1)
		got, err := gateway.Decode(applied, body, int(piece)+1)
		if (err == nil) != (wholeErr == nil) || err == nil && !bytes.Equal(got, whole) {
			t.Errorf("got %d bytes, %v in pieces, and %d, %v as a whole", len(got), err, len(whole), wholeErr)
		}
		encoded := encode(t, coding, body)
		if got, err := gateway.Decode(applied, encoded, int(piece)+1); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: got %d bytes, %v, want the body of %d", coding, len(got), err, len(body))
		}
		if _, err := gateway.Decode(applied, encoded[:len(encoded)-1], int(piece)+1); err == nil {
			t.Errorf("%s: an incomplete body is not an error", coding)
		}
	})
}
