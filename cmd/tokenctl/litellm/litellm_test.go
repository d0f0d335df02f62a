package litellm_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/litellm"
	"github.com/latchkey-api/latchkey/shared/price"
)

func all(string) bool { return true }

// Prices are read exactly. An entry with a price that would not be charged is
// left out, and the reason names the price.
func TestRead(t *testing.T) {
	for name, c := range map[string]struct{ entry, want string }{
		"tokens":         {`"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "max_tokens": 5, "mode": "chat"`, `{"input": "2.5", "output": "10"}`},
		"plain_number":   {`"input_cost_per_token": 0.0000025, "output_cost_per_token": 0`, `{"input": "2.5", "output": "0"}`},
		"upper_case_e":   {`"input_cost_per_token": 25E-7`, `{"input": "2.5"}`},
		"caches":         {`"input_cost_per_token": 3e-06, "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06`, `{"input": "3", "cache_read": "0.3", "cache_write": "3.75", "cache_write_1h": "6"}`},
		"reasoning":      {`"input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06, "output_cost_per_reasoning_token": 3.5e-06`, `{"input": "0.3", "output": "2.5", "reasoning": "3.5"}`},
		"step":           {`"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05`, `{"input": "1.25", "output": "10", "above_200000": {"input": "2.5", "output": "15"}}`},
		"step_caches":    {`"input_cost_per_token": 1e-06, "cache_read_input_token_cost": 1e-07, "cache_creation_input_token_cost": 1e-06, "cache_creation_input_token_cost_above_1hr": 2e-06, "input_cost_per_token_above_128k_tokens": 5e-06`, `{"input": "1", "cache_read": "0.1", "cache_write": "1", "cache_write_1h": "2", "above_128000": {"input": "5", "cache_read": "5", "cache_write": "6.25", "cache_write_1h": "10"}}`},
		"step_1h":        {`"input_cost_per_token": 1e-06, "cache_creation_input_token_cost_above_1hr": 2e-06, "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 4e-06`, `{"input": "1", "cache_write_1h": "2", "above_200000": {"cache_write_1h": "4"}}`},
		"two_steps":      {`"input_cost_per_token": 1e-06, "input_cost_per_token_above_272k_tokens": 3e-06, "input_cost_per_token_above_32k_tokens": 2e-06`, `{"input": "1", "above_32000": {"input": "2"}, "above_272000": {"input": "3"}}`},
		"rounded_up":     {`"input_cost_per_token": 3.75e-08`, `{"input": "0.038"}`},
		"tiny":           {`"input_cost_per_token": 1e-12`, `{"input": "0.001"}`},
		"image":          {`"mode": "image_generation", "output_cost_per_image": 0.04`, `{"per_image": "0.04"}`},
		"dearest_image":  {`"mode": "image_generation", "output_cost_per_image": 0.04, "input_cost_per_image": 0.05`, `{"per_image": "0.05"}`},
		"transcription":  {`"mode": "audio_transcription", "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0`, `{"per_audio_second": "0.0001"}`},
		"request":        {`"input_cost_per_request": 0.005, "input_cost_per_token": 1e-06`, `{"input": "1", "per_request": "0.005"}`},
		"cheaper_tiers":  {`"input_cost_per_token": 1e-06, "input_cost_per_token_batches": 5e-07, "input_cost_per_token_flex": 5e-07`, `{"input": "1"}`},
		"covered_audio":  {`"input_cost_per_token": 1e-06, "input_cost_per_audio_token": 1e-06`, `{"input": "1"}`},
		"dollars_of_dbu": {`"input_cost_per_token": 1e-06, "input_dbu_cost_per_token": 1e-05`, `{"input": "1"}`},

		"dearer_audio":     {`"input_cost_per_token": 1e-06, "input_cost_per_audio_token": 1.001e-06`, "input_cost_per_audio_token can't be charged"},
		"audio_in_step":    {`"input_cost_per_token": 1e-06, "input_cost_per_audio_token_above_200k_tokens": 2e-06`, "above 200000 tokens: input_cost_per_audio_token can't be charged"},
		"audio_only":       {`"input_cost_per_audio_token": 1e-06`, "input_cost_per_audio_token can't be charged"},
		"output_audio":     {`"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "output_cost_per_audio_token": 1e-05`, "output_cost_per_audio_token can't be charged"},
		"unknown":          {`"input_cost_per_token": 1e-06, "thinking_cost_per_token": 1e-06`, "thinking_cost_per_token can't be charged"},
		"longer_cache":     {`"input_cost_per_token": 1e-06, "cache_creation_input_token_cost_above_12hr": 1e-06`, "cache_creation_input_token_cost_above_12hr can't be charged"},
		"tiered":           {`"input_cost_per_token": 1e-06, "tiered_pricing": [{"range": [0, 1], "input_cost_per_token": 2e-06}]`, "tiered_pricing is not a price that can be charged"},
		"characters":       {`"mode": "audio_speech", "input_cost_per_character": 1.5e-05`, "input_cost_per_character can't be charged"},
		"video_seconds":    {`"mode": "video_generation", "output_cost_per_second": 0.1`, "output_cost_per_second can't be charged"},
		"input_images":     {`"mode": "chat", "input_cost_per_token": 1e-06, "input_cost_per_image": 0.001`, "input_cost_per_image can't be charged"},
		"image_and_tokens": {`"mode": "image_generation", "input_cost_per_token": 1e-06, "output_cost_per_image": 0.04`, "output_cost_per_image can't be charged"},
		"all_zero":         {`"input_cost_per_token": 0.0, "output_cost_per_token": 0e5`, "all its prices are 0, which often means unknown"},
		"none":             {`"mode": "chat"`, "it has no price"},
		"negative":         {`"input_cost_per_token": -1e-06`, "input_cost_per_token is not a price that can be charged"},
		"text":             {`"input_cost_per_token": "1e-06"`, "input_cost_per_token is not a price that can be charged"},
		"huge_exponent":    {`"input_cost_per_token": 1e999`, "input_cost_per_token is not a price that can be charged"},
		"too_large":        {`"input_cost_per_token": 2`, "input_cost_per_token is larger than any price of a table"},
		"twice":            {`"input_cost_per_token": 1e-06, "input_cost_per_token": 0`, `"input_cost_per_token" appears twice`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := litellm.Read([]byte(`{"sample_spec": {"input_cost_per_token": "text"}, "m": {`+c.entry+`}}`), all)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if m, ok := r.Models["m"]; ok {
				got = m.String()
			}
			for _, o := range r.LeftOut {
				got += o.Reason
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What a reader should know about the models is listed by name.
func TestReadLists(t *testing.T) {
	const file = `{
		"plain": {"input_cost_per_token": 1e-06},
		"fine": {"input_cost_per_token": 3.75e-08},
		"priority": {"input_cost_per_token": 1e-06, "input_cost_per_token_priority": 2e-06},
		"search": {"input_cost_per_token": 1e-06, "search_context_cost_per_query": {"search_context_size_low": 0.01}},
		"pattern*": {"input_cost_per_token": 1e-06},
		"other": {"input_cost_per_token": 1e-06}
	}`
	r, err := litellm.Read([]byte(file), func(model string) bool { return model != "other" })
	if err != nil {
		t.Fatal(err)
	}
	leftOut := fmt.Sprint(r.LeftOut)
	if len(r.Models) != 4 || !slices.Equal(r.Rounded, []string{"fine"}) || !slices.Equal(r.Extras, []string{"priority", "search"}) ||
		leftOut != "[{pattern* its name can't be that of a model in a price table}]" {
		t.Errorf("got %d models, rounded %v, extras %v, left out %s", len(r.Models), r.Rounded, r.Extras, leftOut)
	}
}

// A file that is not a price map is an error.
func TestNoPriceMap(t *testing.T) {
	for _, file := range []string{``, `[]`, `{"m":`, `{"m": {}} {}`, `{"m": {}, "m": {}}`} {
		if _, err := litellm.Read([]byte(file), all); err == nil {
			t.Errorf("%s: got no error", file)
		}
	}
}

// FuzzRead checks that a model is never imported cheaper than the entry says, and
// that the imported table is a valid price file.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"m": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}}`), "1e-6")
	f.Fuzz(func(t *testing.T, file []byte, number string) {
		var literal json.Number
		if json.Unmarshal([]byte(number), &literal) != nil || strings.HasPrefix(number, "\"") {
			number = "1"
		}
		number = strings.TrimSpace(number)
		for _, file := range [][]byte{file, []byte(`{"m": {"input_cost_per_token": ` + number + `}}`)} {
			r, err := litellm.Read(file, all)
			if err != nil || len(r.Models) == 0 {
				continue
			}
			table := &price.Table{Models: r.Models}
			if _, err := price.Parse(table.File()); err != nil && len(table.File()) <= price.MaxFileBytes {
				t.Fatalf("%s\n%v", table.File(), err)
			}
		}
		r, err := litellm.Read([]byte(`{"m": {"input_cost_per_token": `+number+`}}`), all)
		exact, ok := new(big.Rat).SetString(number)
		if m, found := r.Models["m"]; err == nil && found {
			exact.Mul(exact, big.NewRat(1_000_000_000, 1))
			if !ok || new(big.Rat).SetInt64(*m.Input).Cmp(exact) < 0 {
				t.Errorf("%s dollars are %d nano-dollars", number, *m.Input)
			}
		}
	})
}
