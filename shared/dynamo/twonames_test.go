package dynamo_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A list that came under two names is chosen against the token as it is when it
// is written: if another process changes the list in between, it is chosen again.
func TestListUnderTwoNamesDuringChange(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		meanwhile []string
		want      []string
		versions  token.Versions
		err       error
	}{
		"nothing":         {nil, []string{"b"}, nil, nil},
		"other_list":      {[]string{"b"}, []string{"a"}, nil, nil},
		"third_list":      {[]string{"c"}, []string{"c"}, nil, new(token.InvalidError)},
		"expects_version": {[]string{"b"}, []string{"b"}, token.Versions{1}, token.ErrVersionMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPurse(t, newKit(t), "clients")
			if _, _, err := p.Create(t.Context(), p.Access, token.Settings{Name: new("app"), Models: []string{"a"}}); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			store, _ := p.store("UpdateItem", func() {
				once.Do(func() {
					if row.meanwhile == nil {
						return
					}
					if _, err := p.Update(t.Context(), p.Access, 1, token.Settings{Models: row.meanwhile}); err != nil {
						t.Error(err)
					}
				})
			})
			other := p.WithStore(store)
			_, err := other.Service.Update(t.Context(), p.Access, 1, token.Settings{Models: []string{"a"}, OtherModels: []token.NamedList{{Name: "model_limits", Entries: []string{"b"}}}}, row.versions)
			var invalid *token.InvalidError
			if ok := errors.Is(err, row.err) || errors.As(row.err, &invalid) && errors.As(err, &invalid); !ok {
				t.Errorf("got %v, want %v", err, row.err)
			}
			if got, err := p.Get(t.Context(), p.Access, 1); err != nil || !slices.Equal(got.Models, row.want) {
				t.Errorf("got models %v, %v, want %v", got.Models, err, row.want)
			}
		})
	}
}

// Only an update with two different lists reads the token first.
func TestListUnderTwoNamesCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "clients")
	if _, _, err := p.Create(t.Context(), p.Access, token.Settings{Name: new("app"), Models: []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	update := func(s token.Settings) func(context.Context) error {
		return func(ctx context.Context) error { _, err := p.Update(ctx, p.Access, 1, s); return err }
	}
	both := token.Settings{Models: []string{"a", "b"}, OtherModels: []token.NamedList{{Name: "model_limits", Entries: []string{"c"}}}}
	conflict := token.Settings{Models: []string{"d"}, OtherModels: []token.NamedList{{Name: "model_limits", Entries: []string{"e"}}}}
	for _, r := range []row{
		{"one list", 1, 1, 1, 2, update(token.Settings{Models: []string{"a", "b"}})},
		{"the same list twice", 1, 1, 1, 2, update(token.Settings{Models: []string{"a", "b"}, OtherModels: []token.NamedList{{Name: "model_limits", Entries: []string{"b", "a"}}}})},
		{"two lists", 2, 2, 1, 3, update(both)},
		{"two new lists", 2, 2, 0, 2, func(ctx context.Context) error {
			var invalid *token.InvalidError
			if err := update(conflict)(ctx); !errors.As(err, &invalid) {
				return errors.New("they are not refused")
			}
			return nil
		}},
	} {
		r.check(t)
	}
}
