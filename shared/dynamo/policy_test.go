package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

func dayWindow(quota int64) []token.Window {
	return []token.Window{{Period: period.Period{Length: "day"}, Quota: quota}}
}

// setPolicy replaces the policy of the tenant's user.
func (p *purse) setPolicy(t testing.TB, policy token.Policy) {
	t.Helper()
	if _, _, err := p.users.SetPolicy(t.Context(), p.name, func(old *token.Policy) { *old = policy }); err != nil {
		t.Fatal(err)
	}
}

// process is the tenant as another process serves it.
func (p *purse) process() *dynamotest.Tenant {
	return p.WithStore(dynamo.New(p.kit.Client, dynamotest.Table))
}

func wantPolicyError(t *testing.T, err error) {
	t.Helper()
	var refused *token.PolicyError
	if !errors.As(err, &refused) {
		t.Errorf("got %v, want a PolicyError", err)
	}
}

// A policy is stored as it was set, and applies in every process at once.
func TestPolicyAppliesAtOnce(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	other := p.process()
	create := func(at *dynamotest.Tenant) (token.Token, error) {
		made, _, err := at.Create(t.Context(), at.Access, token.Settings{Name: new("app"), UnlimitedQuota: new(true)})
		return made, err
	}
	old, err := create(other)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := token.Policy{
		RequireLimit: true, MaxLifetimeSeconds: 3600, DefaultWindows: dayWindow(5), MaxWindows: dayWindow(7),
		DefaultRates: token.Rates{RequestsPerMinute: 1, UnitsPerMinute: 2, MaxConcurrent: 3}, AllowedModels: []string{"gpt-5*"},
	}.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	p.setPolicy(t, whole)
	for _, at := range []*dynamotest.Tenant{p.Tenant, other, p.process()} {
		made, err := create(at)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(made.Windows[0].Quota, made.Rates, made.Models, made.ExpiredTime); got != "5 {1 2 3} [gpt-5*] 1700003600" {
			t.Errorf("got %s, want what the policy gives", got)
		}
		_, err = at.Update(t.Context(), at.Access, old.ID, token.Settings{Windows: dayWindow(8)})
		wantPolicyError(t, err)
		if _, err := at.Update(t.Context(), at.Access, old.ID, token.Settings{Name: new("renamed")}); err != nil {
			t.Error(err)
		}
	}
	_, stored, err := p.users.Policy(t.Context(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", stored), fmt.Sprintf("%+v", whole); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	p.setPolicy(t, token.Policy{})
	if made, err := create(other); err != nil || len(made.Windows) != 0 {
		t.Errorf("without a policy: got %v, %v, want a token without windows", made.Windows, err)
	}
	p.setPolicy(t, token.Policy{RequireLimit: true})
	_, err = create(other)
	wantPolicyError(t, err)
	p.kit.Audit(t, p.Access.UserID)
}

// Changes that the policy allows one by one, made at the same time by two
// processes, don't make a token that it does not allow.
func TestConcurrentChangesUnderPolicy(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	one, other := p.process(), p.process()
	p.setPolicy(t, token.Policy{RequireLimit: true, MaxWindows: nil, AllowedModels: []string{"a*"}})
	for range 25 {
		made, _, err := p.Create(t.Context(), p.Access, token.Settings{Name: new("app"), Windows: dayWindow(1), Models: []string{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		pair := []token.Settings{{UnlimitedQuota: new(true)}, {Windows: []token.Window{}}}
		errs := make([]error, len(pair))
		var both sync.WaitGroup
		for i, at := range []*dynamotest.Tenant{one, other} {
			both.Go(func() { _, errs[i] = at.Update(t.Context(), at.Access, made.ID, pair[i]) })
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("got %v and %v, want one refusal", errs[0], errs[1])
		}
		wantPolicyError(t, errors.Join(errs...))
		got, err := p.Get(t.Context(), p.Access, made.ID)
		if err != nil || got.UnlimitedQuota && len(got.Windows) == 0 {
			t.Fatalf("the token has no limit: %+v, %v", got, err)
		}
	}
}

// No token with an id after the last one at the time of a new policy breaks it,
// although creates go on meanwhile.
func TestPolicyDuringCreates(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var creating sync.WaitGroup
	for range 4 {
		at := p.process()
		creating.Go(func() {
			for i := int64(0); ctx.Err() == nil; i++ {
				_, _, _ = at.Create(ctx, at.Access, token.Settings{Name: new("app"), Windows: dayWindow(40 + 7*i%60)}) // the tokens are checked below
			}
		})
	}
	type since struct{ id, most int64 }
	var policies []since
	for most := int64(90); most > 40; most -= 10 {
		var err error
		for range 100 {
			if _, _, err = p.users.SetPolicy(t.Context(), p.name, func(policy *token.Policy) { policy.MaxWindows = dayWindow(most) }); !errors.Is(err, token.ErrContention) {
				break
			}
		}
		u, findErr := p.kit.Store.FindUser(t.Context(), p.name)
		if err != nil || findErr != nil {
			t.Fatal(err, findErr)
		}
		policies = append(policies, since{u.LastTokenID, most})
		if _, _, err := p.Create(t.Context(), p.Access, token.Settings{Name: new("app"), Windows: dayWindow(most)}); err != nil && !errors.Is(err, token.ErrContention) {
			t.Error(err)
		}
	}
	stop()
	creating.Wait()
	for _, made := range mustList(t, p.Tenant, 1, 10_000).Tokens {
		for _, policy := range policies {
			if made.ID > policy.id && made.Windows[0].Quota > policy.most {
				t.Errorf("token %d has %d units a day, although token %d was the last one before a policy of %d", made.ID, made.Windows[0].Quota, policy.id, policy.most)
			}
		}
	}
}

// A create that has begun before a policy is set follows it, or is made before it.
func TestPolicySetDuringCreate(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	minted := 0
	made, err := p.Service.Create(t.Context(), p.Access, []token.Settings{{Name: new("app")}}, func([]token.IssuedToken) (token.SavedResponse, error) {
		if minted++; minted == 1 {
			p.setPolicy(t, token.Policy{MaxWindows: dayWindow(7)})
		}
		return token.SavedResponse{RequestID: "first", Sealed: []byte{1}, ExpiresAt: dynamotest.Epoch + 60}, nil
	})
	if err != nil || minted != 2 || len(made[0].Windows) != 1 {
		t.Errorf("got %+v after %d attempts, %v, want a token with the window of the policy", made, minted, err)
	}
}

// Each process reads a policy once. Then a create costs what it costs without one,
// and an update reads the token only if the policy has a rule about what it changes.
func TestPolicyCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	p.setPolicy(t, token.Policy{MaxLifetimeSeconds: 3600})
	at := p.process()
	create := func(ctx context.Context) error {
		_, _, err := at.Create(ctx, at.Access, token.Settings{Name: new("app")})
		return err
	}
	update := func(s token.Settings) func(context.Context) error {
		return func(ctx context.Context) error { _, err := at.Update(ctx, at.Access, 1, s); return err }
	}
	expiry := token.Settings{ExpiredTime: new(int64(dynamotest.Epoch + 60))}
	for _, r := range []row{
		{"first create", 2, 2, 4, 3, create},
		{"create", 1, 1, 4, 2, create},
		{"rename", 1, 1, 1, 2, update(token.Settings{Name: new("b")})},
		{"set expiry", 2, 2, 1, 3, update(expiry)},
	} {
		r.check(t)
	}
	p.setPolicy(t, token.Policy{})
	for _, r := range []row{{"create without a policy", 1, 1, 4, 2, create}, {"set expiry without a policy", 1, 1, 1, 2, update(expiry)}} {
		r.check(t)
	}
}

// If the item of a policy is missing, nothing is created or changed that it could
// refuse.
func TestMissingPolicy(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	mustCreate(t, p.Tenant, 1)
	p.setPolicy(t, token.Policy{RequireLimit: true})
	key := map[string]types.AttributeValue{
		dynamo.PartitionKey: &types.AttributeValueMemberS{Value: fmt.Sprint("U#", p.Access.UserID)}, dynamo.SortKey: &types.AttributeValueMemberN{Value: "-1"},
	}
	if _, err := dynamotest.Client(p.kit.Endpoint).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: new(dynamotest.Table), Key: key}); err != nil {
		t.Fatal(err)
	}
	at := p.process()
	if _, _, err := at.Create(t.Context(), at.Access, token.Settings{Name: new("app")}); err == nil {
		t.Error("a token was created")
	}
	if _, err := at.Update(t.Context(), at.Access, 1, token.Settings{UnlimitedQuota: new(true)}); err == nil {
		t.Error("a token was changed")
	}
}

// Two operators who change a policy at the same time don't undo each other's
// change: one is told to try again.
func TestConcurrentPolicies(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "bound")
	_, _, err := p.users.SetPolicy(t.Context(), p.name, func(first *token.Policy) {
		first.RequireLimit = true
		p.setPolicy(t, token.Policy{MaxLifetimeSeconds: 60})
	})
	if !errors.Is(err, token.ErrContention) {
		t.Errorf("got %v, want ErrContention", err)
	}
	_, got, err := p.users.Policy(t.Context(), p.name)
	if err != nil || got.RequireLimit || got.MaxLifetimeSeconds != 60 {
		t.Errorf("got %+v, %v, want the policy that was set first", got, err)
	}
}
