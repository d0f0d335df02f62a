package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

const hookURL = "https://example.com/hooks"

func hooksOf(kit *dynamotest.Kit, tenant *dynamotest.Tenant) *webhook.Service {
	return &webhook.Service{Store: kit.Store, Now: tenant.Clock.Now}
}

func mustHook(t testing.TB, hooks *webhook.Service, at credential.AccessToken, settings webhook.Settings) webhook.Endpoint {
	t.Helper()
	if settings.URL == nil {
		settings.URL = new(hookURL)
	}
	e, err := hooks.Create(t.Context(), at, settings, webhook.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// sameSecret compares secrets by their text.
func sameSecret() cmp.Option {
	return cmp.Comparer(func(a, b webhook.Secret) bool { return a.Reveal() == b.Reveal() })
}

// What is stored is read back: all settings, the secrets, and the last attempt.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, at, ctx := hooksOf(kit, tenant), tenant.Access, t.Context()
	first := mustHook(t, hooks, at, webhook.Settings{Types: new([]string{"token.created", "user.*"})})
	second := mustHook(t, hooks, at, webhook.Settings{Disabled: new(true)})
	if first.ID != 1 || second.ID != 2 || second.Disabled != webhook.ByUser || first.CreatedTime != dynamotest.Epoch {
		t.Errorf("got %+v and %+v", first, second)
	}

	old := first.Secret
	tenant.Clock.Advance(10)
	secret := webhook.NewSecret()
	for range 2 { // a repetition changes nothing
		rotated, err := hooks.Rotate(ctx, at, 1, secret)
		if err != nil || rotated.Secret.Reveal() != secret.Reveal() || rotated.Previous.Reveal() != old.Reveal() || rotated.PreviousUntil != dynamotest.Epoch+10+86_400 {
			t.Fatalf("rotate: got %+v, %v", rotated, err)
		}
		tenant.Clock.Advance(10)
	}
	a := webhook.Attempt{EventID: "evt_1", EventType: event.TokenCreated, Time: dynamotest.Epoch, Number: 2, Status: 503, Failure: webhook.FailStatus, Took: 20 * time.Millisecond}
	if _, err := kit.Store.RecordAttempt(ctx, first, a); err != nil {
		t.Fatal(err)
	}
	changed, err := hooks.Update(ctx, at, 1, webhook.Settings{URL: new(hookURL + "/2"), Types: new([]string{})})
	if err != nil {
		t.Fatal(err)
	}
	want := webhook.Endpoint{
		UserID: at.UserID, ID: 1, URL: hookURL + "/2", CreatedTime: dynamotest.Epoch, Secret: secret, Previous: old,
		PreviousUntil: dynamotest.Epoch + 10 + 86_400, FailingSince: dynamotest.Epoch, Last: a,
	}
	if diff := cmp.Diff(want, changed, sameSecret()); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	list, err := hooks.List(ctx, at)
	if err != nil || len(list) != 2 || list[0].ID != 1 || list[1].ID != 2 {
		t.Fatalf("list: got %+v, %v", list, err)
	}
	if diff := cmp.Diff(want, list[0], sameSecret()); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}

	if err := hooks.Delete(ctx, at, 2); err != nil {
		t.Fatal(err)
	}
	if third := mustHook(t, hooks, at, webhook.Settings{}); third.ID != 3 {
		t.Errorf("got id %d after a deletion, want 3: ids are not reused", third.ID)
	}
}

// A create that is repeated with its secret makes one endpoint, and concurrent ones
// make five together.
func TestCreateEndpoints(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, at, ctx := hooksOf(kit, tenant), tenant.Access, t.Context()
	secret := webhook.NewSecret()
	for range 2 {
		if e, err := hooks.Create(ctx, at, webhook.Settings{URL: new(hookURL)}, secret); err != nil || e.ID != 1 {
			t.Fatalf("got %+v, %v", e, err)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := token.ErrContention
			for errors.Is(err, token.ErrContention) {
				_, err = hooks.Create(ctx, at, webhook.Settings{URL: new(hookURL)}, webhook.NewSecret())
			}
			if err != nil && !errors.Is(err, webhook.ErrLimit) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := hooks.List(ctx, at)
	if err != nil || len(list) != webhook.MaxEndpoints {
		t.Fatalf("got %d endpoints, %v, want %d", len(list), err, webhook.MaxEndpoints)
	}
	for i, e := range list {
		if e.ID != int64(i+1) {
			t.Errorf("endpoint %d has id %d", i, e.ID)
		}
	}
}

// An id that was given and deleted while a create had read the one before is not given
// again.
func TestCreateEndpointRaces(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, at := hooksOf(kit, tenant), tenant.Access
	mustHook(t, hooks, at, webhook.Settings{})
	late := meanwhile(t, kit, tenant, func() error {
		return hooks.Delete(t.Context(), at, mustHook(t, hooks, at, webhook.Settings{}).ID)
	})
	if e := mustHook(t, late, at, webhook.Settings{}); e.ID != 3 {
		t.Errorf("got id %d, want 3", e.ID)
	}
}

// The deletion of a webhook writes nothing while its user is being removed, which may
// have removed the highest id already.
func TestDeleteEndpointOfRemoved(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, at := hooksOf(kit, tenant), tenant.Access
	mustHook(t, hooks, at, webhook.Settings{})
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("E#%d", at.UserID)}, "sk": &types.AttributeValueMemberN{Value: "0"}}
	if _, err := kit.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: new(dynamotest.Table), Key: key, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}); err != nil {
		t.Fatal(err)
	}
	if err := hooks.Delete(t.Context(), at, 1); !errors.Is(err, token.ErrContention) {
		t.Errorf("got %v, want ErrContention", err)
	}
	left, err := kit.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new(dynamotest.Table), Key: key, ConsistentRead: new(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil || len(left.Item) > 0 {
		t.Errorf("got %v, %v, want no item", left, err)
	}
}

// Nobody reaches the endpoints of another user, and nobody without an access token
// learns whether its input is right.
func TestEndpointsOfOthers(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	owner, other := kit.Tenant(t, "owner"), kit.Tenant(t, "other")
	hooks, ctx := hooksOf(kit, owner), t.Context()
	mustHook(t, hooks, owner.Access, webhook.Settings{})
	try := func(at credential.AccessToken) map[string]error {
		_, update := hooks.Update(ctx, at, 1, webhook.Settings{Disabled: new(true)})
		_, rotate := hooks.Rotate(ctx, at, 1, webhook.NewSecret())
		_, test := hooks.Test(ctx, at, 1)
		return map[string]error{"update": update, "rotate": rotate, "test": test, "delete": hooks.Delete(ctx, at, 1)}
	}
	for name, err := range try(other.Access) {
		if !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s by another user: got %v, want ErrNotFound", name, err)
		}
	}
	if all, unread, err := kit.Store.EndpointsOf(ctx, other.Access.UserID); err != nil || unread != nil || len(all) > 0 {
		t.Errorf("another user has got %+v, %v, %v, want no endpoint", all, unread, err)
	}
	stranger := credential.NewAccessToken(owner.Access.UserID, 0)
	errs := try(stranger)
	_, errs["list"] = hooks.List(ctx, stranger)
	_, errs["create"] = hooks.Create(ctx, stranger, webhook.Settings{URL: new("http://127.0.0.1")}, webhook.NewSecret())
	_, errs["invalid update"] = hooks.Update(ctx, stranger, 1, webhook.Settings{Types: new([]string{"none"})})
	for name, err := range errs {
		if !errors.Is(err, token.ErrUnauthorized) {
			t.Errorf("%s by a stranger: got %v, want ErrUnauthorized", name, err)
		}
	}
	if e, err := kit.Store.Endpoint(ctx, owner.Access.UserID, 1); err != nil || e.Disabled != "" || e.PreviousUntil != 0 {
		t.Errorf("got %+v, %v, want an unchanged endpoint", e, err)
	}
	var invalid *token.InvalidError
	if _, err := hooks.Create(ctx, owner.Access, webhook.Settings{URL: new("http://127.0.0.1")}, webhook.NewSecret()); !errors.As(err, &invalid) {
		t.Errorf("got %v, want an InvalidError", err)
	}
	if _, err := hooks.Create(ctx, owner.Access, webhook.Settings{}, webhook.NewSecret()); !errors.As(err, &invalid) {
		t.Errorf("without a URL: got %v, want an InvalidError", err)
	}
}

// An endpoint is disabled only if it still is what failed, and works again when its
// user enables it.
func TestDisableEndpoint(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, at, ctx := hooksOf(kit, tenant), tenant.Access, t.Context()
	record := func(e webhook.Endpoint, failure webhook.Failure) webhook.Endpoint {
		t.Helper()
		tenant.Clock.Advance(1)
		e, err := kit.Store.RecordAttempt(ctx, e, webhook.Attempt{EventID: "evt_1", Time: tenant.Clock.Now().Unix(), Failure: failure})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	disabled := func(e webhook.Endpoint) webhook.Reason {
		t.Helper()
		if err := kit.Store.DisableEndpoint(ctx, e, webhook.Gone, tenant.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		e, err := kit.Store.Endpoint(ctx, e.UserID, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		return e.Disabled
	}
	failing := record(mustHook(t, hooks, at, webhook.Settings{}), webhook.FailGone)
	if again := record(failing, webhook.FailStatus); again.FailingSince != failing.FailingSince {
		t.Errorf("got failing since %d, want the first failure, %d", again.FailingSince, failing.FailingSince)
	}
	record(failing, "")
	if got := disabled(failing); got != "" {
		t.Errorf("after a success meanwhile: got %q", got)
	}
	failing = record(failing, webhook.FailGone)
	if _, err := hooks.Update(ctx, at, 1, webhook.Settings{URL: new(hookURL + "/2")}); err != nil {
		t.Fatal(err)
	}
	if got := disabled(failing); got != "" {
		t.Errorf("after a change of the URL meanwhile: got %q", got)
	}
	failing.URL = hookURL + "/2"
	if got := disabled(failing); got != webhook.Gone {
		t.Errorf("got %q, want gone", got)
	}
	if e, err := hooks.Update(ctx, at, 1, webhook.Settings{Disabled: new(false)}); err != nil || e.Disabled != "" || e.FailingSince != 0 {
		t.Errorf("enabled again: got %+v, %v", e, err)
	}
	if err := hooks.Delete(ctx, at, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := kit.Store.RecordAttempt(ctx, failing, webhook.Attempt{Time: 1}); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("a deleted endpoint: got %v, want ErrNotFound", err)
	}
	if err := kit.Store.DisableEndpoint(ctx, failing, webhook.Gone, tenant.Clock.Now()); err != nil {
		t.Error(err)
	}
	if all, unread, err := kit.Store.EndpointsOf(ctx, at.UserID); err != nil || unread != nil || len(all) > 0 {
		t.Errorf("a deleted endpoint came back: %+v, %v, %v", all, unread, err)
	}
}

// An endpoint that can't be read does not keep events from the others of its user, and
// can be deleted.
func TestDamagedEndpoint(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks := hooksOf(kit, tenant)
	for range 3 {
		mustHook(t, hooks, tenant.Access, webhook.Settings{})
	}
	damaged := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("E#%d", tenant.Access.UserID)}, "sk": &types.AttributeValueMemberN{Value: "2"},
		"url": &types.AttributeValueMemberN{Value: "5"},
	}
	if _, err := kit.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(dynamotest.Table), Item: damaged, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}); err != nil {
		t.Fatal(err)
	}
	all, unread, err := kit.Store.EndpointsOf(t.Context(), tenant.Access.UserID)
	if err != nil || unread == nil || len(all) != 2 || all[0].ID != 1 || all[1].ID != 3 {
		t.Errorf("got %v, %v, %v, want webhooks 1 and 3, and why the other can't be read", all, unread, err)
	}
	if err := hooks.Delete(t.Context(), tenant.Access, 2); err != nil {
		t.Error(err)
	}
	if all, err = hooks.List(t.Context(), tenant.Access); err != nil || len(all) != 2 {
		t.Errorf("got %+v, %v, want the two others", all, err)
	}
}

// The note of a deletion has no key that was in the URL.
func TestDeletedEndpointHasNoKey(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks := hooksOf(kit, tenant)
	key := credential.NewKey(1, 1).Reveal()
	mustHook(t, hooks, tenant.Access, webhook.Settings{URL: new(hookURL + "/" + key)})
	if !kit.Contains(t, key) {
		t.Fatal("the endpoint has another URL")
	}
	if err := hooks.Delete(t.Context(), tenant.Access, 1); err != nil {
		t.Fatal(err)
	}
	if kit.Contains(t, key) {
		t.Error("the table has the key that was in the URL of a deleted webhook")
	}
}

// The webhooks of a user are removed with it, and none is created while it is being
// removed. The highest id is no endpoint.
func TestRemoveUserRemovesWebhooks(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, users := hooksOf(kit, tenant), newUserService(kit)
	mustHook(t, hooks, tenant.Access, webhook.Settings{})
	if _, err := hooks.Update(t.Context(), tenant.Access, 0, webhook.Settings{Disabled: new(true)}); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("id 0: got %v, want ErrNotFound", err)
	}
	late := *hooks
	late.Store = authorized{kit, tenant, func() {
		if _, err := users.Delete(t.Context(), "owner", nil); err != nil {
			t.Error(err)
		}
	}}
	if _, err := late.Create(t.Context(), tenant.Access, webhook.Settings{URL: new(hookURL)}, webhook.NewSecret()); !errors.Is(err, token.ErrUnauthorized) {
		t.Errorf("a create during the removal: got %v, want ErrUnauthorized", err)
	}
	if left, _, err := kit.Store.EndpointsOf(t.Context(), tenant.Access.UserID); err != nil || len(left) != 0 {
		t.Errorf("got %d webhooks, %v, want none", len(left), err)
	}
}

// An authorized store lets something happen between the authorization of a create and
// its write.
type authorized struct {
	*dynamotest.Kit
	tenant *dynamotest.Tenant
	before func()
}

func (a authorized) CreateEndpoint(ctx context.Context, c token.Caller, e webhook.Endpoint) (webhook.Endpoint, error) {
	authorize := c.Authorize
	c.Authorize = func(u token.User) error {
		err := authorize(u)
		a.before()
		return err
	}
	return a.Store.CreateEndpoint(ctx, c, e)
}

func (a authorized) Authorize(ctx context.Context, c token.Caller) error {
	return a.Store.Authorize(ctx, c)
}

func (a authorized) Endpoints(context.Context, token.Caller) ([]webhook.Endpoint, error) {
	return nil, nil
}
func (a authorized) DeleteEndpoint(context.Context, token.Caller, int64) error { return nil }
func (a authorized) UpdateEndpoint(context.Context, token.Caller, int64, webhook.Change) (webhook.Endpoint, error) {
	return webhook.Endpoint{}, nil
}

// The calls cost what ADR 34 says, and the store can be used for deliveries.
func TestEndpointUnits(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	hooks, at := hooksOf(kit, tenant), tenant.Access
	var store delivery.Store = kit.Store
	e := mustHook(t, hooks, at, webhook.Settings{})
	for name, tt := range map[string]struct {
		want string
		do   func(context.Context) error
	}{
		"endpoints of a user without any": {"1 0 1", func(ctx context.Context) error { _, _, err := kit.Store.EndpointsOf(ctx, 99); return err }},
		"endpoints":                       {"1 0 1", func(ctx context.Context) error { _, _, err := kit.Store.EndpointsOf(ctx, at.UserID); return err }},
		"endpoint of a delivery":          {"1 0 1", func(ctx context.Context) error { _, err := store.Endpoint(ctx, at.UserID, 1); return err }},
		"record an attempt": {"0 1 1", func(ctx context.Context) error {
			_, err := store.RecordAttempt(ctx, e, webhook.Attempt{Time: 1})
			return err
		}},
		"list": {"2 0 2", func(ctx context.Context) error { _, err := hooks.List(ctx, at); return err }},
	} {
		ctx, meter := reqlog.WithMeter(t.Context())
		if err := tt.do(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c := meter.Cost()
		if got := strings.Trim(fmt.Sprint(c.Reads().Value, c.Writes().Value, c.Trips().Value), "[]"); got != tt.want {
			t.Errorf("%s: got %s read units, write units and round trips, want %s", name, got, tt.want)
		}
	}
}
