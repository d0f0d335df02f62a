package dynamo_test

import (
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// shownKey is the key of a token as an access token may read it.
func shownKey(t testing.TB, s *token.Service, at credential.AccessToken, id int64) (string, error) {
	t.Helper()
	keys, errs, err := s.ShowKeys(t.Context(), at, []int64{id})
	if err != nil {
		t.Fatal(err)
	}
	return keys[0].Reveal(), errs[0]
}

// A key is shown for ten minutes after a create or a rotation, to the access token
// that created it. Its sealed copy is in the table until the next rewrite.
func TestKeyIsShown(t *testing.T) {
	t.Parallel()
	r := newTurning(t, newKit(t), "forgetful", token.Settings{RemainQuota: new(int64(100))})
	r.wantShown(r.keys[0], nil)
	r.hold(5)
	r.Clock.Advance(token.KeyShownSeconds - 1)
	r.wantShown(r.keys[0], nil)
	if err := r.rotate(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	r.wantShown(r.keys[1], nil)
	r.Clock.Advance(token.KeyShownSeconds)
	r.wantShown("", token.ErrKeyNotAvailable)
	if !r.hasSealedKey() {
		t.Error("a read has dropped the sealed key")
	}
	r.spend(1) // finds the hold expired, and rewrites the item
	if r.hasSealedKey() {
		t.Error("a rewrite after ten minutes has kept the sealed key")
	}
	r.wantShown("", token.ErrKeyNotAvailable)
}

// A rewrite within the ten minutes keeps the sealed key.
func TestRewriteKeepsShownKey(t *testing.T) {
	t.Parallel()
	r := newTurning(t, newKit(t), "forgetful", token.Settings{RemainQuota: new(int64(100))})
	r.hold(5) // ten minutes, so that it expires with the first key
	r.Clock.Advance(1)
	r.mustRotate(0)
	r.Clock.Advance(token.KeyShownSeconds - 1)
	r.spend(1)
	r.wantShown(r.keys[1], nil)
}

// A rotation that has to rewrite the item, after the key's ten minutes, replaces the
// sealed key.
func TestRotationRewritesSealedKey(t *testing.T) {
	t.Parallel()
	r := newTurning(t, newKit(t), "forgetful", token.Settings{RemainQuota: new(int64(100))})
	r.mustRotate(3600)
	r.Clock.Advance(token.KeyShownSeconds - 1)
	r.hold(5)
	r.Clock.Advance(1)
	r.mustRotate(0) // the hold may be of the first key, which is dropped now
	r.wantShown(r.current(), nil)
}

func (r *turning) spend(units int64) {
	r.t.Helper()
	if err := verdictError(r.gate.Verify(r.t.Context(), r.current(), quota.Question{Quota: units})); err != nil {
		r.t.Fatal(err)
	}
}

func (r *turning) wantShown(key string, want error) {
	r.t.Helper()
	if got, err := shownKey(r.t, r.Service, r.Access, r.id); got != key || !errors.Is(err, want) {
		r.t.Errorf("the key is shown: %v (%v), want %v (%v)", got != "", err, key != "", want)
	}
}

func (r *turning) hasSealedKey() bool {
	r.t.Helper()
	t, err := r.Get(r.t.Context(), r.Access, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	return t.SealedKey.Content != nil
}

// Another access token of the same user gets no key, and neither does anyone who
// can read the table.
func TestKeyIsSealedForItsAccessToken(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	made, key, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	second, err := users.RotateAccessToken(t.Context(), "owner", false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shownKey(t, tenant.Service, *second.Issued, made.ID); !errors.Is(err, token.ErrKeyOfOther) {
		t.Errorf("another access token: got error %v, want ErrKeyOfOther", err)
	}
	if got, err := shownKey(t, tenant.Service, tenant.Access, made.ID); err != nil || got != key.Reveal() {
		t.Errorf("its own access token: got error %v, want the key", err)
	}
	if kit.Contains(t, key.Reveal()) || kit.Contains(t, key.Reveal()[len(credential.KeyPrefix):]) {
		t.Error("the table has the key in plain text")
	}
	stranger := kit.Tenant(t, "stranger")
	if _, err := shownKey(t, stranger.Service, stranger.Access, made.ID); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("another user: got error %v, want ErrNotFound", err)
	}
}

// A sealed key that is copied to another token can't be opened there.
func TestSealedKeyBelongsToItsToken(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "owner")
	first, _, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	second.SealedKey = first.SealedKey
	if _, err := second.IssuedKey(tenant.Access, tenant.UnixNow()); !errors.Is(err, token.ErrKeyOfOther) {
		t.Errorf("got error %v, want ErrKeyOfOther", err)
	}
}

// A new token of the contract's example, with the sealed key, is within the typical
// size.
func TestNewTokenSize(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "owner")
	made, _, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	it := dynamo.TokenItem(made)
	if got := itemSize(it); got > 400 {
		t.Errorf("a new token has %d bytes, want at most 400", got)
	}
	without := made
	without.SealedKey = token.SealedKey{}
	t.Logf("a new token has %d bytes, %d of them for the sealed key", itemSize(it), itemSize(it)-itemSize(dynamo.TokenItem(without)))
}
