package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// NewAPI returns the tokens that New API or One API lists, with their keys, as a JSON
// list. A key that it does not give stays masked. An error is one sentence without a
// full stop, with "it" for the system.
func (a API) NewAPI(ctx context.Context) ([]byte, error) {
	l, err := a.list(ctx, tokenPath)
	if err != nil {
		return nil, err
	}
	if l.total < 0 { // a second look, because nothing else shows that a token has slipped to a page that was read
		again, err := a.list(ctx, tokenPath)
		if err != nil {
			return nil, err
		}
		if len(again.items) != len(l.items) || slices.ContainsFunc(again.items, func(it item) bool { return !l.ids[string(it[l.id])] }) {
			return nil, errChanged
		}
	}
	if err := a.addUsers(ctx, l.items); err != nil {
		return nil, err
	}
	if err := a.unmask(ctx, l.items); err != nil {
		return nil, err
	}
	return l.content()
}

// An answer is how both systems answer. Also an error has status 200.
type answer[Data any] struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    Data   `json:"data"`
}

// A newAPIPage is a list with its number, or a list alone.
type newAPIPage struct {
	Items []json.RawMessage `json:"items"`
	Total *int64            `json:"total"`
	Page  *int              `json:"page"`
	alone bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *newAPIPage) UnmarshalJSON(content []byte) error {
	type page newAPIPage
	if strings.HasPrefix(strings.TrimSpace(string(content)), "{") {
		return json.Unmarshal(content, (*page)(p))
	}
	p.alone = true
	return json.Unmarshal(content, &p.Items)
}

// The lists of New API and One API.
const (
	tokenPath = "/api/token/"
	userPath  = "/api/user/"
)

// list reads all pages of a list. New API counts them from 1, and takes 0 for 1; One
// API and old versions of New API count from 0 and answer a list alone.
func (a API) list(ctx context.Context, path string) (*listing, error) {
	l := newListing("id")
	var isAlone *bool
	for number := 0; ; {
		var got answer[newAPIPage]
		if err := a.call(ctx, http.MethodGet, fmt.Sprintf("%s?p=%d&size=100&page_size=100", path, number), nil, &got); err != nil {
			return nil, err
		}
		p := got.Data
		switch {
		case !got.Success && got.Message != "":
			return nil, fmt.Errorf("it refused the request (%s): check the access token and, for New API, --from-user", a.said(got.Message))
		case !got.Success, !p.alone && (p.Items == nil || p.Total == nil):
			return nil, errors.New("its answer is not a list of tokens: check the URL, which is that of its console, and --from")
		case isAlone != nil && *isAlone != p.alone:
			return nil, errChanged
		}
		isAlone = &p.alone
		if err := l.add(p.Items, p.Total); err != nil {
			return nil, err
		}
		if l.isWhole(len(p.Items)) {
			return l, l.check()
		}
		if number++; p.Page != nil {
			number = *p.Page + 1
		} else if !p.alone {
			number = max(number, 2) // the answer to 0 was page 1
		}
	}
}

// addUsers adds what is known of their users to tokens of several users, which only
// the root user sees: the keys of a user who is disabled or deleted do not work.
func (a API) addUsers(ctx context.Context, items []item) error {
	owners := map[string]bool{}
	for _, it := range items {
		owners[string(it["user_id"])] = true
	}
	if len(owners) < 2 {
		return nil
	}
	l, err := a.list(ctx, userPath)
	if err != nil {
		return fmt.Errorf("it lists tokens of several users, and not which of them are disabled: %w", err)
	}
	users := map[string]json.RawMessage{}
	for _, it := range l.items {
		var user bytes.Buffer
		for _, name := range []string{"username", "status", "DeletedAt", "deleted_at"} {
			if v, ok := it[name]; ok {
				appendField(&user, strings.Replace(name, "DeletedAt", "deleted_at", 1), v)
			}
		}
		users[string(it["id"])] = object(&user)
	}
	for _, it := range items {
		user, ok := users[string(it["user_id"])]
		if !ok {
			user = json.RawMessage(missingUser)
		}
		it["users"] = user
	}
	return nil
}

// unmask replaces the keys that a list masks, as far as the system gives them.
func (a API) unmask(ctx context.Context, items []item) error {
	const most = 100 // of one request
	masked := slices.DeleteFunc(slices.Clone(items), func(it item) bool { return !isMasked(keyOf(it)) })
	for part := range slices.Chunk(masked, most) {
		keys, err := a.keys(ctx, part)
		if isRefusal(err) {
			return a.unmaskSingly(ctx, masked, err)
		}
		if err != nil {
			return err
		}
		for _, it := range part {
			it.setKey(keys[string(it["id"])])
		}
	}
	return nil
}

// keys asks for the keys of up to 100 tokens.
func (a API) keys(ctx context.Context, items []item) (map[string]string, error) {
	ids := make([]json.RawMessage, len(items))
	for i, it := range items {
		ids[i] = it["id"]
	}
	var got answer[struct {
		Keys map[string]string `json:"keys"`
	}]
	err := a.call(ctx, http.MethodPost, "/api/token/batch/keys", map[string]any{"ids": ids}, &got)
	if err == nil && !got.Success {
		err = fmt.Errorf("%w: %s", errRefused, a.said(got.Message))
	}
	return got.Data.Keys, err
}

// unmaskSingly asks for one key after another. If several are refused one after the
// other, so would the others be. why is the error of the request for many.
func (a API) unmaskSingly(ctx context.Context, items []item, why error) error {
	const most = 3
	refused := 0
	defer func() {
		left := slices.DeleteFunc(slices.Clone(items), func(it item) bool { return !isMasked(keyOf(it)) })
		if refused > 0 && len(left) > 0 {
			a.warn(fmt.Sprintf("it does not give the keys of %d tokens (%s): export the table tokens from its database, which has them", len(left), refusalText(why)))
		}
	}()
	for _, it := range items {
		id, err := strconv.ParseInt(string(it["id"]), 10, 64)
		if err != nil || !isMasked(keyOf(it)) {
			continue
		}
		var got answer[struct {
			Key string `json:"key"`
		}]
		err = a.call(ctx, http.MethodPost, fmt.Sprintf("/api/token/%d/key", id), nil, &got)
		if err == nil && !got.Success {
			err = fmt.Errorf("%w: %s", errRefused, a.said(got.Message))
		}
		switch {
		case isRefusal(err):
			if !isMissing(err) {
				why = err
			}
			if refused++; refused == most {
				return nil
			}
		case err != nil:
			return err
		default:
			refused = 0
			it.setKey(got.Data.Key)
		}
	}
	return nil
}

// errRefused means that the system does not give keys.
var errRefused = errors.New("it does not give the keys")

// isRefusal reports whether the system does not give a key, or has no such path.
func isRefusal(err error) bool {
	var at *statusError
	return errors.Is(err, errRefused) || errors.As(err, &at) &&
		slices.Contains([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed}, at.status)
}

// isMissing reports whether a system has no such path.
func isMissing(err error) bool {
	var at *statusError
	return errors.As(err, &at) && at.status != http.StatusForbidden && at.status != http.StatusBadRequest
}

// refusalText says why a system does not give keys: its status and its message.
func refusalText(err error) string {
	var at *statusError
	switch {
	case errors.As(err, &at) && at.message != "":
		return fmt.Sprintf("status %d, %q", at.status, at.message)
	case errors.As(err, &at):
		return fmt.Sprintf("status %d", at.status)
	default:
		return fmt.Sprintf("%q", strings.TrimPrefix(err.Error(), errRefused.Error()+": "))
	}
}

func keyOf(it item) string {
	var key string
	_ = json.Unmarshal(it["key"], &key) // what is no text is a problem of the row
	return key
}

// setKey replaces a masked key by a whole one, unless that is of another token.
func (it item) setKey(key string) {
	shown := keyOf(it)
	before, after := shown[:strings.IndexByte(shown+"*", '*')], shown[strings.LastIndexByte(shown, '*')+1:]
	plain := strings.TrimPrefix(key, credential.KeyPrefix)
	before = strings.TrimPrefix(before, credential.KeyPrefix)
	if key != "" && !isMasked(key) && len(plain) >= len(before)+len(after) && strings.HasPrefix(plain, before) && strings.HasSuffix(plain, after) {
		it["key"] = text(key)
	}
}

// isMasked reports whether a part of a key is left out.
func isMasked(key string) bool { return key == "" || strings.Contains(key, "*") }
