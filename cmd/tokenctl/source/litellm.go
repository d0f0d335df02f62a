package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// LiteLLM returns the keys that LiteLLM lists, as whole objects, as a JSON list. They
// have the hashes of the keys. An error is as that of NewAPI.
func (a API) LiteLLM(ctx context.Context) ([]byte, error) {
	l := newListing("token")
	for number := 1; ; number++ {
		var got struct {
			Keys  []json.RawMessage `json:"keys"`
			Total *int64            `json:"total_count"`
		}
		err := a.call(ctx, http.MethodGet, fmt.Sprintf("/key/list?return_full_object=true&include_team_keys=true&page=%d&size=100", number), nil, &got)
		var refused *statusError
		if errors.As(err, &refused) {
			refused.liteLLM = true
		}
		if err == nil && (got.Keys == nil || got.Total == nil) {
			err = errors.New("its answer is not a list of keys: check the URL, which is that of the proxy, and --from")
		}
		if err == nil {
			err = l.add(got.Keys, got.Total)
		}
		if err != nil {
			return nil, err
		}
		if l.isWhole(len(got.Keys)) {
			if err := l.check(); err != nil {
				return nil, err
			}
			return l.content()
		}
	}
}
