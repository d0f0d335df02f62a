//go:build deploy

package deploytest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// deployed is a stack that uses a restored table. moto keeps the outputs of a
// stack only if no change set made it, so the test doesn't deploy it with cdk.
const deployed = `{
  "Resources": {"Table": {"Type": "AWS::SNS::Topic"}},
  "Outputs": {"TableName": {"Value": "restored"}, "OwnTableName": {"Value": "own"}}
}`

// TestPredeploy checks against an account what `make deploy` refuses before it
// runs cdk.
func TestPredeploy(t *testing.T) {
	r := newRehearsal(t)
	command := filepath.Join(t.TempDir(), "predeploy")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "../../infra/predeploy").CombinedOutput(); err != nil { //nolint:gosec // a file of the project
		t.Fatalf("%v\n%s", err, output)
	}
	stream := `"table": "restored", "tableStream": "arn:aws:dynamodb:us-east-1:` + owner + `:table/restored/stream/2026-01-01T00:00:00.000"`
	const place = `"account": "` + owner + `", "region": "` + region + `"`
	r.createStack(t, "Latchkey-prod", deployed)
	for name, tt := range map[string]struct {
		args     string
		settings string
		env      string
		want     string // of what it prints; if it fails, the message
		ok       bool
	}{
		"first_deployment":  {"-stage dev", `{}`, "", "Deploying stage dev to account " + owner + ", region " + region, true},
		"place_is_missing":  {"-stage staging", `{}`, "", `add "account": "` + owner + `", "region": "` + region + `" to it`, false},
		"other_account":     {"-stage staging", `{"staging": {"account": "999999999999", "region": "us-east-1"}}`, "", "the credentials are of " + owner, false},
		"other_region":      {"-stage staging", `{"staging": {` + place + `}}`, "AWS_REGION=eu-west-1", "AWS_REGION is eu-west-1: unset it", false},
		"region_of_setting": {"-stage dev", `{"dev": {"region": "eu-west-1"}}`, "AWS_REGION=", "region eu-west-1", true},
		"same_table":        {"-stage prod", `{"prod": {` + place + `, ` + stream + `}}`, "", "", true},
		"other_table":       {"-stage prod", `{"prod": {` + place + `}}`, "", "uses table restored, and would use own", false},
		"delete_elsewhere":  {"-stage staging -destroy", `{"staging": {"account": "999999999999", "region": "us-east-1"}}`, "", "the credentials are of " + owner, false},
		"delete_unknown":    {"-stage staging -destroy", `{}`, "", `add "account": "` + owner + `"`, false},
		"delete":            {"-stage prod -destroy", `{"prod": {` + place + `}}`, "", "Deleting stage prod of account " + owner, true},
		"table_is_allowed":  {"-stage prod -allow table", `{"prod": {` + place + `}}`, "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "stages.json")
			if err := os.WriteFile(file, []byte(tt.settings), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), command, append(strings.Fields(tt.args), "-stages", file)...) //nolint:gosec // just built
			cmd.Env = append(r.environment(), "AWS_DEFAULT_REGION=")
			if tt.env != "" {
				cmd.Env = append(cmd.Env, tt.env)
			}
			output, err := cmd.CombinedOutput()
			if (err == nil) != tt.ok || !strings.Contains(string(output), tt.want) {
				t.Errorf("got %v and\n%s\nwant success: %t, and %q", err, output, tt.ok, tt.want)
			}
		})
	}
}

// createStack makes a stack without a change set.
func (r *rehearsal) createStack(t *testing.T, name, template string) {
	t.Helper()
	c, err := config.LoadDefaultConfig(context.Background(),
		config.WithRegion(region), config.WithBaseEndpoint(r.endpoint), config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloudformation.NewFromConfig(c).CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(template)}); err != nil {
		t.Fatal(err)
	}
}
