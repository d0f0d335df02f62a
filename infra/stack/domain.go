package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/jsii-runtime-go"
)

// offerDomain gives the API the host name of the settings, if they have one, and
// returns its base URL. The operator points the name at the target in the outputs.
func (g gateway) offerDomain(stack awscdk.Stack, options Options) *string {
	if options.Domain == "" {
		return g.api.ApiEndpoint()
	}
	domain := awsapigatewayv2.NewCfnDomainName(stack, jsii.String("Domain"), &awsapigatewayv2.CfnDomainNameProps{
		DomainName: &options.Domain,
		DomainNameConfigurations: []any{&awsapigatewayv2.CfnDomainName_DomainNameConfigurationProperty{
			CertificateArn: &options.Certificate,
			EndpointType:   jsii.String("REGIONAL"),
			SecurityPolicy: jsii.String("TLS_1_2"),
		}},
	})
	mapping := awsapigatewayv2.NewCfnApiMapping(stack, jsii.String("Mapping"), &awsapigatewayv2.CfnApiMappingProps{
		ApiId: g.api.ApiId(), DomainName: domain.Ref(), Stage: g.stage.Ref(),
	})
	url := "https://" + options.Domain
	if options.BasePath != "" {
		mapping.SetApiMappingKey(&options.BasePath)
		url += "/" + options.BasePath
	}
	awscdk.NewCfnOutput(stack, jsii.String("DomainTarget"), &awscdk.CfnOutputProps{
		Value:       domain.AttrRegionalDomainName(),
		Description: jsii.String("Target of the CNAME or alias record of " + options.Domain),
	})
	awscdk.NewCfnOutput(stack, jsii.String("DomainTargetZone"), &awscdk.CfnOutputProps{
		Value:       domain.AttrRegionalHostedZoneId(),
		Description: jsii.String("Hosted zone of DomainTarget, for an alias record in Route 53"),
	})
	return &url
}
