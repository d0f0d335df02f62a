package gateway_test

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// The last usage is found whatever the sizes of the pieces.
func TestLastUsageIsFound(t *testing.T) {
	const want = `{"total_tokens":7}`
	for name, c := range map[string]struct {
		eventStream bool
		text        string
		want        string
	}{
		"object":                  {false, ` {"a":[{"usage":{}}],"usage": ` + want + `,"b":"\\\"{"}`, want},
		"object/escaped":          {false, `{"\u0075sage":` + want + `}`, want},
		"object/twice":            {false, `{"usage":{"total_tokens":1},"usage":` + want + `}`, want},
		"object/then_null":        {false, `{"usage":` + want + `,"usage":null}`, want},
		"object/of_response":      {false, `{"response":{"x":{"usage":{}},"usage":` + want + `,"y":1},"usage":3}`, want},
		"object/truncated_after":  {false, `{"usage":` + want, want},
		"object/truncated_within": {false, `{"usage":{"total_tokens":7`, ""},
		"object/in_a_value":       {false, `{"x":"usage","y":["usage",{"total_tokens":1}]}`, ""},
		"object/in_an_array":      {false, `{"usage":[{"total_tokens":1}],"x":[{"usage":{}}]}`, ""},
		"object/too_long":         {false, `{"usage":{"x":"` + strings.Repeat("x", 1<<17) + `"}}`, ""},
		"array":                   {false, `[{"usage":` + want + `}]`, ""},
		"text":                    {false, `usage {"usage":` + want + `}`, ""},
		"events":                  {true, "data: {\"usage\":" + want + "}\n\ndata: [DONE]\n\n", want},
		"events/crlf":             {true, ": hello\r\nevent: x\r\ndata:{\"usage\":" + want + "}\r\n\r\ndata: {\"usage\":null}\r\n\r\n", want},
		"events/cr":               {true, "id: 1\rdata: {\"usage\":" + want + "}\r\r", want},
		"events/two_lines":        {true, "data: {\"usage\":\r\ndata: " + want + "}\r\n\r\n", want},
		"events/no_empty_line":    {true, "data: {\"a\":1}\ndata: {\"usage\":" + want + "}", want},
		"events/other_lines":      {true, "dato: {\"usage\":{}}\n\nevent: {\"usage\":{}}\n\n data: {\"usage\":{}}\n\n", ""},
		"events/invalid_event":    {true, "data: {\"a\":[\"\n\ndata: {\"usage\":" + want + "}\n\n", want},
	} {
		t.Run(name, func(t *testing.T) {
			for piece := 1; piece <= len(c.text) && piece < 100; piece++ {
				if got := string(gateway.UsageOf(c.eventStream, []byte(c.text), piece)); got != c.want {
					t.Fatalf("in pieces of %d: got %q, want %q", piece, got, c.want)
				}
			}
		})
	}
}

// Reading a response takes little memory, however long it is.
func TestLongResponseIsNotKept(t *testing.T) {
	const piece = 32 << 10
	image := `{"b64_json":"` + strings.Repeat("A", 8<<20) + `","usage":{"total_tokens":7}}`
	line := "data: " + image + "\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	plain, stream := gateway.UsageOf(false, []byte(image), piece), gateway.UsageOf(true, []byte(line), piece)
	runtime.ReadMemStats(&after)
	if string(plain) != `{"total_tokens":7}` || string(stream) != string(plain) {
		t.Errorf("got %s and %s", plain, stream)
	}
	const testBytes = 2 * (8 << 20) // the test converts both strings
	if grown := after.TotalAlloc - before.TotalAlloc; grown > testBytes+1<<20 {
		t.Errorf("allocated %d bytes, %d of them in the test itself", grown, testBytes)
	}
}

// lastUsage finds the usage of an object with json.Decoder.
func lastUsage(t *testing.T, body []byte) []byte {
	t.Helper()
	var last []byte
	var walk func(body []byte, outer bool)
	walk = func(body []byte, outer bool) {
		d := json.NewDecoder(bytes.NewReader(body))
		if open, _ := d.Token(); open != json.Delim('{') {
			return
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
			switch {
			case name == "usage" && value[0] == '{':
				last = value
			case name == "response" && outer:
				walk(value, false)
			}
		}
	}
	walk(body, true)
	return last
}

// FuzzUsage checks that the usage in an object is the one that json.Decoder
// finds, that it is the same if the object is in an event, and that no text
// causes a panic.
func FuzzUsage(f *testing.F) {
	for _, seed := range []string{
		completion, chunk + lastChunk + done, `{"usage":{"a":"}\""},"response":{"usage":{"b":[{}]}}}`, `{"response":{"response":{"usage":{}}}}`,
		`{"a":[{"usage":{}}],"\u0075sage":{}}`, "data: {\"usage\":\ndata: {}}\n\n", `{"usage":{},"usage":1}`, `{"":"usage","a":{}}`,
	} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, piece uint8) {
		size := int(piece)%len(append(body, 0)) + 1
		got := gateway.UsageOf(false, body, size)
		inEvents := gateway.UsageOf(true, body, size)
		for _, found := range [][]byte{got, inEvents} {
			if found != nil && !json.Valid(found) {
				t.Errorf("found %q, which is not JSON", found)
			}
		}
		if !json.Valid(body) || len(body) > 1<<16 {
			return
		}
		if want := lastUsage(t, body); !bytes.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
		event := "data: " + strings.ReplaceAll(strings.ReplaceAll(string(body), "\r", " "), "\n", "\ndata: ") + "\n\n"
		if inEvent, want := gateway.UsageOf(true, []byte(event), size), strings.ReplaceAll(string(got), "\r", " "); strings.ReplaceAll(string(inEvent), "\n", "") != strings.ReplaceAll(want, "\n", "") {
			t.Errorf("in an event: found %q, want %q", inEvent, want)
		}
	})
}
