package main_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

func TestReconcileTellsAndRepairs(t *testing.T) {
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "alice")
	for range 3 {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a")}); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	want := func(want string, args ...string) {
		t.Helper()
		if got := succeed(t, env, append([]string{"reconcile", "alice"}, args...)...); got != want {
			t.Errorf("%v: got\n%swant\n%s", args, got, want)
		}
	}
	want("The counts of user alice are right.\n")
	want(`{"user_id":1,"name":"alice","dry_run":false,"buckets":1,"unfinished":0,"drifts":[]}`+"\n", "--json")
	_, err := kit.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(dynamotest.Table), Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "T#1#0"}, "sk": &types.AttributeValueMemberN{Value: "2"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const found = "Ids 1 to 3: 0 are counted as removed, 1 are missing.\n"
	want(found+"Nothing was changed: repair it with `tokenctl reconcile alice`.\n", "--dry-run")
	want(`{"user_id":1,"name":"alice","dry_run":true,"buckets":1,"unfinished":0,"drifts":[{"first":1,"last":3,"counted":0,"missing":1}]}`+"\n", "--dry-run", "--json")
	want(found + "The counts of user alice are repaired.\n")
	want("The counts of user alice are right.\n", "--dry-run")
	kit.Audit(t, 1)
	refuse(t, tokenctl(t, env, "reconcile", "bob"), "there is no user bob at "+kit.Endpoint+": look with `tokenctl user list`.")
}
