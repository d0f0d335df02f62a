package benchtest_test

import (
	"math"
	"net/http"
	"net/url"
)

// liteLLM is the key management of LiteLLM's proxy. A unit is a millionth of a dollar:
// the model must cost that much for each token of input and of output.
type liteLLM struct {
	client          *http.Client
	url, credential string
}

func (l *liteLLM) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + l.credential}}
}

func (l *liteLLM) newKey(units int64) (string, error) {
	var made struct{ Key string }
	err := callJSON(l.client, http.MethodPost, l.url+"/key/generate", l.header(), map[string]float64{"max_budget": float64(units) / 1e6}, &made)
	return made.Key, err
}

func (l *liteLLM) charged(key string) (int64, error) {
	var found struct{ Info struct{ Spend float64 } }
	err := callJSON(l.client, http.MethodGet, l.url+"/key/info?key="+url.QueryEscape(key), l.header(), nil, &found)
	return int64(math.Round(found.Info.Spend * 1e6)), err
}
