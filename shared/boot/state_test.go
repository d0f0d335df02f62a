package boot_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// createdAt is when everything in the table of a test was created, in Unix seconds.
// It is past, so a token that expires soon after it has expired.
const createdAt = 1_700_000_000

// The tokens that differ from the others.
const (
	holderID    = 1 // holds heldUnits for the request heldRequest
	limitedID   = 2
	disabledID  = 3
	expiredID   = 4
	exhaustedID = 5
	deletedID   = 6
	oldHolderID = 7 // its hold, for the request expiredRequest, has expired
	lastID      = 12
)

const (
	heldRequest    = "chat-1-v7Kq3zYwXb5TnR2dLmPs"
	expiredRequest = "chat-0-v7Kq3zYwXb5TnR2dLmPs"
	heldUnits      = 300
)

// A state has the credentials for the table of a test.
type state struct {
	at   credential.AccessToken
	keys map[int64]credential.Key // by token
}

// prepare fills an empty table with user 1 and tokens 1 to 12. The functions
// use the real clock, so the expiry of the holds is relative to it.
func prepare(t testing.TB, kit *dynamotest.Kit) state {
	t.Helper()
	then := func() time.Time { return time.Unix(createdAt, 0) }
	accounts := token.UserService{Store: kit.Store, Now: then}
	_, at, err := accounts.Create(t.Context(), "alice", token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := state{at, map[int64]credential.Key{}}
	service := token.Service{Store: kit.Store, Now: then}
	for id := int64(1); id <= lastID; id++ {
		made, err := service.Create(t.Context(), at, []token.Settings{fields(id)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.keys[id] = made[0].Key
	}
	if _, err := service.SetStatus(t.Context(), at, disabledID, true, nil); err != nil {
		t.Fatal(err)
	}
	if err := service.Delete(t.Context(), at, deletedID, nil); err != nil {
		t.Fatal(err)
	}
	s.hold(t, kit, holderID, heldRequest, time.Now)
	s.hold(t, kit, oldHolderID, expiredRequest, func() time.Time { return time.Now().Add(-gate.DefaultTTL - time.Minute) })
	return s
}

// hold reserves heldUnits of a token for a request, at the time of a clock.
func (s state) hold(t testing.TB, kit *dynamotest.Kit, id int64, request string, now func() time.Time) {
	t.Helper()
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(now))
	question := quota.Question{Quota: heldUnits, RequestID: request}
	made, err := g.Reserve(t.Context(), s.keys[id].Reveal(), question, gate.DefaultTTL)
	if err != nil || !made.Valid() {
		t.Fatalf("reserve of token %d: got refusal %q, %v, want a hold", id, made.Refusal, err)
	}
}

// The placeholders for credentials in the events.
const accessTokenPlaceholder = "at-ACCESS-TOKEN"

var keyPlaceholder = regexp.MustCompile(`sk-KEY-OF-TOKEN-([0-9]+)`)

// withCredentials returns an event with its placeholders replaced by credentials.
func (s state) withCredentials(event []byte) []byte {
	event = bytes.ReplaceAll(event, []byte(accessTokenPlaceholder), []byte(s.at.Reveal()))
	return keyPlaceholder.ReplaceAllFunc(event, func(placeholder []byte) []byte {
		id, _ := strconv.ParseInt(string(keyPlaceholder.FindSubmatch(placeholder)[1]), 10, 64) // 0, which no token has, if the number is too large
		key, ok := s.keys[id]
		if !ok {
			return placeholder
		}
		return []byte(key.Reveal())
	})
}

// fields returns the settings with which prepare creates a token.
func fields(id int64) token.Settings {
	u := token.Settings{Name: new(fmt.Sprintf("token-%02d", id)), RemainQuota: new(1000 * id)}
	switch id {
	case limitedID:
		u.Name = new("production-app")
		u.ModelLimitsEnabled, u.Models = new(true), []string{"gpt-4o", "gpt-4o-mini"}
		u.AllowIPs, u.Group = []string{"10.0.0.0/8", "2001:db8::/32"}, new("vip")
	case expiredID:
		u.ExpiredTime = new(int64(createdAt + 60))
	case exhaustedID:
		u.RemainQuota = new(int64(0))
	case lastID:
		u.UnlimitedQuota = new(true)
	}
	return u
}
