package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// The usage of a stream is asked for once, and nothing else in the body changes.
func TestUsageIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"not_a_stream":  {`{"model":"m"}`, `{"model":"m"}`},
		"stream_false":  {`{"model":"m","stream":false}`, `{"model":"m","stream":false}`},
		"no_options":    {` {"model":"m", "stream" : true} `, ` {"stream_options":{"include_usage":true},"model":"m", "stream" : true} `},
		"null":          {`{"model":"m","stream":true,"stream_options":null}`, `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`},
		"empty":         {`{"stream_options":{ },"model":"m","stream":true}`, `{"stream_options":{"include_usage":true },"model":"m","stream":true}`},
		"other_options": {`{"model":"m","stream":true,"stream_options":{"x":[{"include_usage":1}]}}`, `{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":[{"include_usage":1}]}}`},
		"false":         {`{"model":"m","stream":true,"stream_options":{"x":1,"include_usage" : false}}`, `{"model":"m","stream":true,"stream_options":{"x":1,"include_usage" : true}}`},
		"true":          {`{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, injected, err := gateway.Rewritten(c.body, 0)
			if got != c.want || injected != (c.body != c.want) || err != nil {
				t.Errorf("got  %s, %v, %v\nwant %s", got, injected, err, c.want)
			}
		})
	}
}

// A limit of output tokens is lowered wherever the body has one, or added.
func TestLimitIsLowered(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"none":    {`{"model":"m"}`, `{"max_completion_tokens":7,"model":"m"}`},
		"null":    {`{"model":"m","max_tokens":null}`, `{"model":"m","max_tokens":7}`},
		"smaller": {`{"model":"m","max_tokens":6}`, `{"model":"m","max_tokens":6}`},
		"larger":  {`{"model":"m","max_tokens" : 8500 }`, `{"model":"m","max_tokens" : 7 }`},
		"two":     {`{"max_tokens":9,"model":"m","max_completion_tokens":3}`, `{"max_tokens":7,"model":"m","max_completion_tokens":3}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, err := gateway.Rewritten(c.body, 7); got != c.want || err != nil {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// A member that decides about model, cost or the form of the answer is refused
// if parsers could read it differently, or if its effect can't be charged.
func TestRefusedMembers(t *testing.T) {
	for name, body := range map[string]string{
		"models":          `{"model":"m","models":["a"]}`,
		"fallbacks":       `{"model":"m","fallbacks":["a"]}`,
		"route":           `{"model":"m","route":"fallback"}`,
		"background":      `{"model":"m","background":true}`,
		"fast_tier":       `{"model":"m","service_tier":"ultrafast"}`,
		"tool_model":      `{"model":"m","tools":[{"type":"x","Model":"a"}]}`,
		"tool_images":     `{"model":"m","tools":[{"type":"function"},{"type":"image_generation"}]}`,
		"limit_elsewhere": `{"model":"m","max_output_tokens":1}`,
		"limit_zero":      `{"model":"m","max_tokens":0}`,
		"limit_negative":  `{"model":"m","max_tokens":-1}`,
		"limit_text":      `{"model":"m","max_tokens":"5"}`,
		"limit_fraction":  `{"model":"m","max_tokens":1.5}`,
		"priority":        `{"model":"m","service_tier":"priority"}`,
		"stream_twice":    `{"model":"m","stream":false,"stream":true}`,
		"stream_case":     `{"model":"m","Stream":true}`,
		"stream_text":     `{"model":"m","stream":"true"}`,
		"stream_kelvin":   `{"model":"m","bac\u212Aground":true}`,
		"options_twice":   `{"model":"m","stream_options":{},"stream_options":null}`,
		"usage_twice":     `{"model":"m","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}`,
		"options_text":    `{"model":"m","stream":true,"stream_options":"x"}`,
		"n_twice":         `{"model":"m","n":1,"n":100}`,
		"n_case":          `{"model":"m","N":100}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, err := gateway.Rewritten(body, 0); err == nil {
				t.Errorf("got %s, want it refused", got)
			}
		})
	}
	for name, body := range map[string]string{
		"null":             `{"model":"m","models":null,"background":null,"route":null}`,
		"background_false": `{"model":"m","background":false,"service_tier":"flex"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, err := gateway.Rewritten(body, 0); err != nil || got != body {
				t.Errorf("got %s, %v, want it accepted", got, err)
			}
		})
	}
}

// What changes the price or the model is refused in the words of each API.
func TestRefusedMembersOfEachAPI(t *testing.T) {
	for name, c := range map[string]struct {
		path, members string
		refused       bool
	}{
		"messages":              {messagesPath, `"max_tokens":5,"service_tier":"standard_only","speed":"standard","inference_geo":null`, false},
		"messages/fast":         {messagesPath, `"max_tokens":5,"speed":"fast"`, true},
		"messages/geo":          {messagesPath, `"max_tokens":5,"inference_geo":"us"`, true},
		"messages/tier":         {messagesPath, `"max_tokens":5,"service_tier":"priority"`, true},
		"messages/tool":         {messagesPath, `"max_tokens":5,"tools":[{"name":"x","model":"y"}]`, true},
		"responses":             {responsesPath, `"max_output_tokens":16,"tools":[{"type":"function","name":"model"}]`, false},
		"responses/other_limit": {responsesPath, `"max_tokens":1`, true},
		"gemini":                {geminiPath, `"generationConfig":{"maxOutputTokens":null},"model":"models/m"`, false},
		"gemini/tier":           {geminiPath, `"serviceTier":"priority"`, true},
		"gemini/cached":         {geminiPath, `"cachedContent":"cachedContents/x"`, true},
		"gemini/limit_text":     {geminiPath, `"generationConfig":{"maxOutputTokens":"65536"}`, true},
		"gemini/other_model":    {geminiPath, `"model":"models/other"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			body := "{" + c.members + `,"model":"m"}`
			if c.path == geminiPath {
				body = "{" + c.members + "}"
			}
			if err := gateway.ParseFor(c.path, body); (err != nil) != c.refused {
				t.Errorf("got error %v, want refused %v", err, c.refused)
			}
		})
	}
}

// A completion has an answer for each choice of each prompt.
func TestAnswers(t *testing.T) {
	for body, want := range map[string]int64{
		`{"prompt":"a"}`: 1, `{"prompt":["a","b"],"n":3}`: 6, `{"prompt":[1,2,3],"best_of":2}`: 2, `{"prompt":[[1,2],[3]]}`: 2, `{"prompt":[]}`: 1,
	} {
		if got := gateway.Answers(body); got != want {
			t.Errorf("%s: got %d answers, want %d", body, got, want)
		}
	}
}

// A moderation without a model is for OpenAI's default, which the upstream gets
// by name.
func TestModerationWithoutModel(t *testing.T) {
	var sent string
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		sent = string(text)
		respond(http.StatusOK, jsonType, `{"results":[]}`)(w, r)
	}), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	r := s.chatRequest(t, key, `{"input":"Hello"}`)
	r.URL.Path = "/v1/moderations"
	if got := send(t, r); got.status != http.StatusOK || sent != `{"model":"omni-moderation-latest","input":"Hello"}` {
		t.Errorf("got %d %s, the upstream got %s", got.status, got.body, sent)
	}
}

// FuzzRewrite checks that a rewritten body is the body of the client but for the
// members that the middleware sets.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		hello, `{"model":"m","stream":true}`, `{"model":"m","stream":true,"stream_options":{"a":{"include_usage":false}}}`,
		`{"max_tokens":1000,"model":"m","max_completion_tokens":5,"stream":true,"stream_options":null,"x":"\"stream_options\":"}`,
	} {
		f.Add(seed, int64(100))
	}
	f.Fuzz(func(t *testing.T, body string, limit int64) {
		limit &= 0xFFFF
		got, injected, err := gateway.Rewritten(body, limit)
		if err != nil {
			return
		}
		var before, after map[string]any
		if json.Unmarshal([]byte(body), &before) != nil {
			return // such as a number that is too large
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Fatalf("%s\nbecame %s: %v", body, got, err)
		}
		if injected {
			options, _ := after["stream_options"].(map[string]any)
			if options["include_usage"] != true {
				t.Errorf("%s\nbecame %s: usage is not asked for", body, got)
			}
		}
		for _, name := range []string{"stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens"} {
			delete(before, name)
			delete(after, name)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s\nbecame %s:\n%s", body, got, diff)
		}
	})
}

// Images, audio and files count by their kind, not by their length.
func TestEstimateCountsMediaByKind(t *testing.T) {
	base64Of := func(head string, size int) string {
		return base64.StdEncoding.EncodeToString([]byte(head + strings.Repeat("\x01\x02\x03", size/3)))
	}
	for name, c := range map[string]struct {
		body  string
		least int64
		most  int64
	}{
		"text":       {`{"model":"m","input":"` + strings.Repeat("word ", 2000) + `"}`, 2_500, 2_520},
		"image":      {`{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + base64Of("\x89PNG\r\n\x1a\n", 3_000_000) + `"}}]}]}`, 1_600, 1_700},
		"two_images": {`[{"url":"data:image/jpeg;base64,` + base64Of("\xff\xd8\xff", 3_000) + `"},{"data":"` + base64Of("GIF89a", 90_000) + `"}]`, 3_200, 3_250},
		"link":       {`{"image_url":{"url":"https://example.com/a.png"}}`, 1_600, 1_620},
		"gemini":     {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/webp","data":"` + base64Of("RIFF0000WEBP", 600_000) + `"}}]}]}`, 1_600, 1_650},
		// 320,000 bytes of WAV are ten seconds
		"wav": {`{"input_audio":{"data":"` + base64Of("RIFF0000WAVE", 320_000) + `","format":"wav"}}`, 320, 400},
		// 60,000 bytes of MP3 are 15 seconds
		"mp3":         {`{"input_audio":{"data":"` + base64Of("ID3\x04", 60_000) + `","format":"mp3"}}`, 480, 560},
		"pdf":         {`{"file":{"file_data":"data:application/pdf;base64,` + base64Of("%PDF-1.7", 200_000) + `"}}`, 10_000, 10_050},
		"text_data":   {`{"data":"` + strings.Repeat("a b ", 1_000) + `"}`, 1_000, 1_010},
		"other_names": {`{"content":"` + base64Of("\x89PNG", 40_000) + `"}`, 13_000, 14_000},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gateway.EstimateInput(c.body); got < c.least || got > c.most {
				t.Errorf("got %d tokens, want %d to %d", got, c.least, c.most)
			}
		})
	}
}

// With Clamp the limit is lowered to what the balance pays for, and the answer
// says so.
func TestClamp(t *testing.T) {
	for name, c := range map[string]struct {
		units  int64
		body   string
		status int
		limit  int64 // that the upstream receives
		held   int64
	}{
		"enough":       {1000, `{"model":"gpt-4o","max_tokens":50}`, 200, 50, 59},
		"lowered":      {30, `{"model":"gpt-4o","max_tokens":50}`, 200, 21, 30},
		"one_token":    {10, `{"model":"gpt-4o","max_tokens":50}`, 200, 1, 10},
		"too_little":   {9, `{"model":"gpt-4o","max_tokens":50}`, 429, 0, 0},
		"two_choices":  {40, `{"model":"gpt-4o","max_tokens":50,"n":2}`, 200, 15, 40},
		"none":         {10_000, `{"model":"gpt-4o"}`, 200, 4096, 4101},
		"none_lowered": {105, `{"model":"gpt-4o"}`, 200, 100, 105},
	} {
		t.Run(name, func(t *testing.T) {
			var limit, held int64
			s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var in struct {
					A int64 `json:"max_tokens"`
					B int64 `json:"max_completion_tokens"`
				}
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
					t.Error(err)
				}
				grant, _ := gateway.GrantOf(r.Context())
				limit, held = max(in.A, in.B), grant.HeldUnits
				respond(http.StatusOK, jsonType, `{"usage":{"prompt_tokens":1,"completion_tokens":1}}`)(w, r)
			}), gateway.Options{Clamp: true})
			key, _ := s.newKey(t, c.units)
			got := s.chat(t, key, c.body)
			<-s.finished
			if got.status != c.status || limit != c.limit || held != c.held {
				t.Errorf("got %d %s, limit %d, %d units held, want %d, %d, %d", got.status, got.body, limit, held, c.status, c.limit, c.held)
			}
			header, want := got.header.Get("Latchkey-Max-Tokens"), ""
			if name != "enough" && c.limit > 0 {
				want = strconv.FormatInt(c.limit, 10)
			}
			if header != want {
				t.Errorf("got Latchkey-Max-Tokens %q, want %q", header, want)
			}
		})
	}
}

// An unpriced model is refused before anything is held, and a price counts for
// the hold.
func TestPricesDecideTheHold(t *testing.T) {
	var held int64
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, _ := gateway.GrantOf(r.Context())
		held = grant.HeldUnits
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{})
	s.setPrices(t, `{"models":{"gpt-4o*":{"input":"2","output":"8"}}}`)
	key, _ := s.newKey(t, 10_000)
	s.wantRefused(t, s.chatRequest(t, key, `{"model":"o1"}`), http.StatusForbidden, errorBody("permission_error", "model_not_priced",
		"This gateway has no price for this model, or for something that the request asks for. Use another model, or ask the operator to set a price."))
	s.checkUsage(t, key, 10_000, 0)
	if got := s.chat(t, key, hello); got.status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", got.status, got.body)
	}
	if held != 17+4*500 { // a unit is 2,000 nano-dollars
		t.Errorf("got %d units held, want 2017", held)
	}
	s.wantUsed(t, key, 10_000, 9+4*12)
}
