package token_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Whatever lists come under two names, the one that differs from the stored list
// counts; if both differ from it and from each other, nothing is changed. The
// order of the entries, repetitions and white space make no difference. The same
// holds for a new token, which has no list yet.
func TestListsUnderTwoNames(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		entries []string
		set     func(list, other []string) token.Settings
		get     func(token.Settings) []string
		store   func(list []string) token.Token
	}{
		"models": {
			[]string{"a", "b", "gpt-5*"},
			func(list, other []string) token.Settings {
				return token.Settings{Name: new("app"), Models: list, OtherModels: []token.NamedList{{Name: "model_limits", Entries: other}}}
			},
			func(s token.Settings) []string { return s.Models },
			func(list []string) token.Token { return token.Token{Models: list} },
		},
		"allow_ips": {
			[]string{"1.2.3.4", "10.0.0.0/8", "2001:db8::1"},
			func(list, other []string) token.Settings {
				return token.Settings{Name: new("app"), AllowIPs: list, OtherAllowIPs: []token.NamedList{{Name: "subnet", Entries: other}}}
			},
			func(s token.Settings) []string { return s.AllowIPs },
			func(list []string) token.Token { return token.Token{AllowIPs: list} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				entries := rapid.SliceOfN(rapid.SampledFrom(of.entries), 0, 4)
				stored := unique(entries.Draw(rt, "stored"))
				list, other := sentList(rt, entries, "list"), sentList(rt, entries, "other")
				want, refused := chosenList(list, other, stored)
				normal, err := of.set(list, other).Normalize()
				if err != nil {
					rt.Fatal(err)
				}
				change, err := normal.Change(0).ChooseLists(of.store(stored))
				checkChosen(rt, "update", of.get(change.Settings), err, want, refused)

				want, refused = chosenList(list, other, nil)
				made, err := token.New(of.set(list, other), 1, 0)
				checkChosen(rt, "create", append(made.Models, made.AllowIPs...), err, want, refused)
			})
		})
	}
}

// sentList draws a list as a client may spell it: nil is absent.
func sentList(rt *rapid.T, entries *rapid.Generator[[]string], label string) []string {
	if rapid.Bool().Draw(rt, "no "+label) {
		return nil
	}
	list := []string{}
	for _, entry := range entries.Draw(rt, label) {
		list = append(list, rapid.SampledFrom([]string{"", " "}).Draw(rt, "space")+entry)
	}
	return list
}

// chosenList states the rule: the set that counts, and whether there is none.
func chosenList(list, other, stored []string) (want map[string]bool, refused bool) {
	a, b, old := asSet(list), asSet(other), asSet(stored)
	switch {
	case list == nil && other == nil:
		return nil, false
	case list == nil:
		return b, false
	case other == nil || maps.Equal(a, b):
		return a, false
	case maps.Equal(a, old):
		return b, false
	case maps.Equal(b, old):
		return a, false
	default:
		return nil, true
	}
}

func checkChosen(rt *rapid.T, what string, got []string, err error, want map[string]bool, refused bool) {
	var bad *token.InvalidError
	switch {
	case refused && !errors.As(err, &bad):
		rt.Errorf("%s: got %q, %v, want an InvalidError", what, got, err)
	case !refused && (err != nil || !maps.Equal(asSet(got), asSet(slices.Collect(maps.Keys(want))))):
		rt.Errorf("%s: got %q, %v, want %v", what, got, err, want)
	}
}

func asSet(list []string) map[string]bool {
	set := map[string]bool{}
	for _, entry := range list {
		set[strings.TrimSpace(entry)] = true
	}
	return set
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// What a change requires of the token's models follows from the list that counts.
func TestListUnderTwoNamesAndItsSwitch(t *testing.T) {
	t.Parallel()
	stored := token.Token{Version: 7, Models: []string{"a"}, ModelLimitsEnabled: true}
	for name, row := range map[string]struct {
		in     token.Settings
		reason string
	}{
		"none_left_while_limited": {token.Settings{Models: []string{"a"}, OtherModels: limits(), ModelLimitsEnabled: new(true)}, "model_limits_enabled"},
		"one_added_while_limited": {token.Settings{Models: []string{}, OtherModels: limits("a"), ModelLimitsEnabled: new(true)}, "model_limits_enabled"},
		"none_left_and_off":       {token.Settings{Models: []string{"a"}, OtherModels: limits(), ModelLimitsEnabled: new(false)}, ""},
		"both_changed":            {token.Settings{Models: []string{"b"}, OtherModels: limits()}, "models"},
	} {
		t.Run(name, func(t *testing.T) {
			normal, err := row.in.Normalize()
			if err == nil {
				_, err = normal.Change(0).ChooseLists(stored)
			}
			var bad *token.InvalidError
			if errors.As(err, &bad) != (row.reason != "") || bad != nil && bad.Field != row.reason {
				t.Errorf("got %v, want a refusal of %q", err, row.reason)
			}
		})
	}
	cleared, err := token.Settings{Models: []string{"a"}, OtherModels: limits()}.Change(0).ChooseLists(stored)
	if err != nil || !cleared.NeedsNoModelLimits {
		t.Errorf("got %+v, %v, want model limits to be off", cleared, err)
	}
	change := token.Settings{Models: []string{"a"}, OtherModels: limits("b")}.Change(0)
	change.Versions = token.Versions{6}
	if _, err := change.ChooseLists(stored); !errors.Is(err, token.ErrVersionMismatch) {
		t.Errorf("another version: got %v", err)
	}
	change.Versions = nil
	for _, models := range [][]string{{"a"}, {"b"}} { // chosen again when the token has changed
		var err error
		stored.Models = models
		if change, err = change.ChooseLists(stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string][]string{"a": {"b"}, "b": {"a"}}[models[0]], change.Models); diff != "" {
			t.Errorf("stored %v: -want +got:\n%s", models, diff)
		}
	}
}

// limits are models as model_limits.
func limits(names ...string) []token.NamedList {
	return []token.NamedList{{Name: "model_limits", Entries: append([]string{}, names...)}}
}

// Of three names of a list, the one that differs counts, in whatever order.
func TestListUnderThreeNames(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ sent, want string }{
		"none_changed":  {"a a a", "a"},
		"first":         {"b a a", "b"},
		"second":        {"a b a", "b"},
		"third":         {"a a b", "b"},
		"two_alike":     {"a b b", "b"},
		"all_alike":     {"b b b", "b"},
		"first_and_one": {"b a b", "b"},
		"two_new":       {"a b c", "second and third"},
		"three_new":     {"b c d", "models and second"},
		"far_apart":     {"b a c", "models and third"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := strings.Fields(row.sent)
			in := token.Settings{Models: sent[:1], OtherModels: []token.NamedList{{Name: "second", Entries: sent[1:2]}, {Name: "third", Entries: sent[2:]}}}
			normal, err := in.Normalize()
			if err != nil {
				t.Fatal(err)
			}
			change, err := normal.Change(0).ChooseLists(token.Token{Models: []string{"a"}})
			if got := strings.Join(change.Models, ","); err != nil && !strings.HasPrefix(err.Error(), row.want+" ") || err == nil && got != row.want {
				t.Errorf("got %s, %v, want %s", got, err, row.want)
			}
		})
	}
}
