package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// itemsOf returns the names of the attributes of each item of the table whose key
// contains a text, by partition and sort key.
func itemsOf(t *testing.T, kit *dynamotest.Kit, key string) []string {
	t.Helper()
	var all []string
	scan := dynamodb.NewScanPaginator(dynamotest.Client(kit.Endpoint), &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	for scan.HasMorePages() {
		page, err := scan.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			name := it["pk"].(*types.AttributeValueMemberS).Value + "/" + it["sk"].(*types.AttributeValueMemberN).Value
			if !strings.Contains(name, key) {
				continue
			}
			for attr := range it {
				if attr != "pk" && attr != "sk" {
					name += " " + attr
				}
			}
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// tombstones are the items that stay of a deleted user with id 1, if it was the
// only one.
var tombstones = []string{"D/1", "U#1/0 gone"} //nolint:gochecknoglobals // never changed

// Of a deleted user, only its id stays taken. Its name can be given again.
func TestDeletedUser(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	users := newUserService(kit)
	load(t, kit, tenant, 2*pages.SegmentSize+3, func(id int64) bool { return id%2000 != 1 })
	if _, err := users.SetBudget(t.Context(), "demo", &token.Budget{Units: 100}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := users.SetPolicy(t.Context(), "demo", func(p *token.Policy) { p.RequireLimit = true }); err != nil {
		t.Fatal(err)
	}
	r, err := users.Delete(t.Context(), "demo", nil)
	if err != nil || r.Tokens != 17 || r.Before.Deleting {
		t.Fatalf("got %d tokens removed of %+v (%v), want 17", r.Tokens, r.Before, err)
	}
	if got := itemsOf(t, kit, ""); !slices.Equal(got, tombstones) {
		t.Errorf("got items %v, want %v", got, tombstones)
	}
	if err := tenant.Authorize(t.Context(), tenant.Access); !errors.Is(err, token.ErrUnauthorized) {
		t.Errorf("its access token: got error %v, want ErrUnauthorized", err)
	}
	for name, gone := range map[string]error{
		"find":      second(kit.Store.FindUser(t.Context(), "demo")),
		"delete":    second(users.Delete(t.Context(), "demo", nil)),
		"enable":    second(users.Enable(t.Context(), "demo", nil)),
		"policy":    third(users.SetPolicy(t.Context(), "demo", func(*token.Policy) {})),
		"reconcile": second(users.Reconcile(t.Context(), "demo", false)),
		"holdings":  third(users.Holdings(t.Context(), "demo")),
	} {
		if !errors.Is(gone, token.ErrUserNotFound) {
			t.Errorf("%s: got error %v, want ErrUserNotFound", name, gone)
		}
	}
	if list, err := users.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %d users listed (%v), want none", len(list), err)
	}
	again := kit.Tenant(t, "demo")
	mustCreate(t, again, 1)
	if list, err := users.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != 2 || list[0].TokenCount() != 1 {
		t.Errorf("got users %+v (%v), want the new one with id 2", list, err)
	}
	if n, err := kit.Store.RemoveUser(t.Context(), r.User, nil); n != 0 || err != nil || len(mustList(t, again, 1, 10).Tokens) != 1 {
		t.Errorf("removing the old user again: got %d tokens removed, error %v", n, err)
	}
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

// While a user is being deleted, the operator can only finish that.
func TestUserBeingDeleted(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	users := newUserService(kit)
	mustCreate(t, tenant, 3)
	begin(t, kit, "demo")
	for name, refused := range map[string]error{
		"disable":   second(users.Disable(t.Context(), "demo", false, nil)),
		"enable":    second(users.Enable(t.Context(), "demo", nil)),
		"rotate":    second(users.RotateAccessToken(t.Context(), "demo", false, 0)),
		"limit":     second(users.SetLimits(t.Context(), "demo", func(*token.Limits) {})),
		"groups":    second(users.SetGroups(t.Context(), "demo", []string{"vip"})),
		"budget":    second(users.SetBudget(t.Context(), "demo", nil, func(int64, int64) {})),
		"reconcile": second(users.Reconcile(t.Context(), "demo", false)),
	} {
		if !errors.Is(refused, token.ErrUserDeleting) {
			t.Errorf("%s: got error %v, want ErrUserDeleting", name, refused)
		}
	}
	if _, _, err := users.Create(t.Context(), "demo", token.RoleUser, 0); !errors.Is(err, token.ErrUserExists) {
		t.Errorf("create: got error %v, want ErrUserExists", err)
	}
	if list, err := users.List(t.Context()); err != nil || len(list) != 1 || !list[0].Deleting {
		t.Errorf("got users %+v (%v), want one that is being deleted", list, err)
	}
	if err := tenant.Authorize(t.Context(), tenant.Access); !errors.Is(err, token.ErrUnauthorized) {
		t.Errorf("its access token: got error %v, want ErrUnauthorized", err)
	}
	if r, err := users.Delete(t.Context(), "demo", nil); err != nil || r.Tokens != 3 || !slices.Equal(itemsOf(t, kit, ""), tombstones) {
		t.Errorf("got %+v (%v) and items %v, want 3 tokens removed", r, err, itemsOf(t, kit, ""))
	}
}

// begin begins to delete a user, and dies before any token is removed.
func begin(t *testing.T, kit *dynamotest.Kit, name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	dying := &token.UserService{Store: kit.StoreWith((&dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == dynamotest.Query {
			cancel()
			return dynamotest.LostBefore
		}
		return dynamotest.NoFault
	}}).Configure)}
	if _, err := dying.Delete(ctx, name, nil); !errors.Is(err, token.ErrUnavailable) {
		t.Fatalf("got error %v, want ErrUnavailable", err)
	}
}

// A deletion that dies at any of its calls, whether or not that is applied, is
// finished by a repetition.
func TestInterruptedUserDeletion(t *testing.T) {
	t.Parallel()
	for _, arrives := range []bool{false, true} {
		t.Run(fmt.Sprint("applied ", arrives), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			users := newUserService(kit)
			for last, died := 1, true; died; last++ {
				tenant := kit.Tenant(t, "demo")
				id := tenant.Access.UserID
				load(t, kit, tenant, pages.SegmentSize+2, func(id int64) bool { return id%9000 != 2 })
				process := new(dynamotest.Process)
				dying := &token.UserService{Store: kit.StoreWith(process.Configure)}
				_, err := dying.Delete(process.Start(t.Context(), last, arrives), "demo", nil)
				if died = process.Stop(); died {
					_, err = users.Delete(t.Context(), "demo", nil)
				}
				if errors.Is(err, token.ErrUserNotFound) && arrives { // only the answer was lost
					err = nil
				}
				want := []string{fmt.Sprintf("U#%d/0 gone", id)}
				if got := itemsOf(t, kit, fmt.Sprintf("#%d/", id)); err != nil || !slices.Equal(got, want) || len(itemsOf(t, kit, "N#")) != 0 {
					t.Fatalf("died at call %d: got error %v and items %v", last, err, got)
				}
				if last > 200 {
					t.Fatal("still dying")
				}
			}
		})
	}
}

// The removal of a token by DynamoDB that is reported while its user is deleted,
// or afterwards, counts nothing, and is not an error that would be repeated.
func TestPurgeOfDeletedUser(t *testing.T) {
	t.Parallel()
	for _, given := range []int64{3, pages.SegmentSize + 3} {
		t.Run(fmt.Sprint("token ", given), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "demo")
			load(t, kit, tenant, given, func(id int64) bool { return id < given })
			removeItem(t, kit, 1, given)
			begin(t, kit, "demo")
			purge := func() {
				if err := kit.Store.CountPurge(t.Context(), 1, given, nil, dynamotest.Epoch); err != nil {
					t.Errorf("got error %v, want nothing counted", err)
				}
			}
			purge()
			if _, err := newUserService(kit).Delete(t.Context(), "demo", nil); err != nil {
				t.Fatal(err)
			}
			purge()
			if got := itemsOf(t, kit, ""); !slices.Equal(got, tombstones) {
				t.Errorf("got items %v, want %v", got, tombstones)
			}
		})
	}
}

// A user is deleted as a whole while its owner creates and deletes tokens.
func TestUserDeletionUnderLoad(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	mustCreate(t, tenant, 5)
	var all, busy sync.WaitGroup
	for range 4 {
		busy.Add(1)
		all.Go(func() {
			for n := 0; ; n++ {
				made, _, err := tenant.Create(t.Context(), tenant.Access, example())
				if n == 0 {
					busy.Done()
				}
				switch {
				case err == nil && n%2 == 0:
					err = tenant.Delete(t.Context(), tenant.Access, made.ID)
				case errors.Is(err, token.ErrContention):
					err = nil
				}
				if errors.Is(err, token.ErrUnauthorized) {
					return
				}
				if err != nil && !errors.Is(err, token.ErrNotFound) {
					t.Errorf("got error %v, want ErrUnauthorized at the end", err)
					return
				}
			}
		})
	}
	busy.Wait()
	users := newUserService(kit)
	_, err := users.Delete(t.Context(), "demo", nil)
	for errors.Is(err, token.ErrContention) {
		_, err = users.Delete(t.Context(), "demo", nil)
	}
	all.Wait()
	if got := itemsOf(t, kit, ""); err != nil || !slices.Equal(got, tombstones) {
		t.Errorf("got error %v and items %v, want %v", err, got, tombstones)
	}
}
