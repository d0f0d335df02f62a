package ci_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/cloudformationinclude"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Fprintln(os.Stderr, "node is missing, and CDK needs it: install Node.js 20.19 or newer")
		os.Exit(1)
	}
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// TestNag checks the template with cdk-nag, as the stages are checked. It is left out
// with -short.
func TestNag(t *testing.T) {
	if testing.Short() {
		t.Skip("slow, and -short is set")
	}
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false)})
	stack := awscdk.NewStack(app, jsii.String("Latchkey-ci"), nil)
	cloudformationinclude.NewCfnInclude(stack, jsii.String("Template"), &cloudformationinclude.CfnIncludeProps{TemplateFile: jsii.String("template.yaml")})
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	for _, m := range *app.Synth(nil).GetStackByName(stack.StackName()).Messages() {
		t.Errorf("%s: %v", *m.Id, m.Entry.Data) //nolint:staticcheck // CDK deprecates the type and still returns it
	}
}
