package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A probe asks a running API about one key. The table does not say whether foreign
// keys are on there.
type probe struct {
	url string
	row export.Row // whose key it is; it has a key if one was found
	key gate.KnownKey
}

// offer keeps the first key that is in the file as a whole, and valid in both
// systems.
func (p *probe) offer(row export.Row, here gate.KnownKey, answer string) {
	if p.row.There.Plain.Reveal() == "" && row.There.Plain.Reveal() != "" && row.There.Refusal == "" && answer == valid {
		p.row, p.key = row, here
	}
}

// ask returns a problem if the API does not answer as the table does.
func (p *probe) ask(ctx context.Context, out *console) error {
	plain := p.row.There.Plain.Reveal()
	if plain == "" {
		out.note(fmt.Sprintf("warning: %s was not asked: the file has no whole key that is valid in both systems.", p.url))
		return nil
	}
	v, err := client.New(p.url, "").Verify(ctx, plain, wire.VerifyInput{})
	where := p.row.Place() + ", " + p.row.There.Key.Mask
	var transport *url.Error
	switch {
	case errors.As(err, &transport): // nothing was charged, so no change is in doubt
		return problemf("the API at %s did not answer (%s): check that it is running and that the URL is correct", p.url, reason(transport.Err))
	case err != nil:
		return (&session{url: p.url}).explain(err)
	case v.Code == wire.RefusedUnknown:
		return problemf("%s does not know the key of %s, which is valid in the table: set FOREIGN_KEYS=true there, or check that it uses this table", p.url, where)
	case !v.Valid:
		return problemf("%s refuses the key of %s (%s), which is valid in the table: check that it uses this table", p.url, where, v.Code)
	case v.KeyInfo == nil || v.UserID != p.key.UserID || v.TokenID != p.key.ID:
		return problemf("%s has another token with the key of %s: check that it uses this table", p.url, where)
	default:
		return nil
	}
}
