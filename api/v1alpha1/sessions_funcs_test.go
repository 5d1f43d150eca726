package v1alpha1

import "testing"

// TestSTSEndpoint: of a store and of own storage alike, what is named counts; else AWS
// has a host for each region, and others make sessions where they store.
func TestSTSEndpoint(t *testing.T) {
	const named = "https://sts.example.com"
	for name, tc := range map[string]struct{ endpoint, region, named, want string }{
		"where it stores":   {endpoint: "http://store:9000", want: "http://store:9000"},
		"named":             {endpoint: "http://store:9000", named: named, want: named},
		"AWS":               {endpoint: "https://s3.eu-central-1.amazonaws.com", region: "eu-central-1", want: "https://sts.eu-central-1.amazonaws.com"},
		"AWS, by default":   {endpoint: "https://s3.amazonaws.com", want: "https://sts.us-east-1.amazonaws.com"},
		"AWS in China":      {endpoint: "https://s3.cn-north-1.amazonaws.com.cn", region: "cn-north-1", want: "https://sts.cn-north-1.amazonaws.com.cn"},
		"AWS, named":        {endpoint: "https://s3.amazonaws.com", named: named, want: named},
		"looks like AWS":    {endpoint: "https://s3.amazonaws.com.example.com", want: "https://s3.amazonaws.com.example.com"},
		"not AWS by a hair": {endpoint: "https://notamazonaws.com", want: "https://notamazonaws.com"},
	} {
		byRole := &WebIdentity{STSEndpoint: tc.named}
		for how, got := range map[string]string{
			"sessions":    (&LFSStore{Spec: LFSStoreSpec{Endpoint: tc.endpoint, Region: tc.region, Sessions: &StoreSessions{Endpoint: tc.named}}}).STSEndpoint(),
			"a role":      (&LFSStore{Spec: LFSStoreSpec{Endpoint: tc.endpoint, Region: tc.region, WebIdentity: byRole}}).STSEndpoint(),
			"own storage": (&Storage{Endpoint: tc.endpoint, Region: tc.region, WebIdentity: byRole}).STSEndpoint(),
		} {
			if got != tc.want {
				t.Errorf("%s, %s: %s, want %s", name, how, got, tc.want)
			}
		}
	}
}

// TestRoleMeansSessions: without a key servers hold sessions, whatever the probe finds.
func TestRoleMeansSessions(t *testing.T) {
	role := &LFSStore{Spec: LFSStoreSpec{WebIdentity: &WebIdentity{RoleARN: "arn:aws:iam::1:role/lfs"}, Sessions: &StoreSessions{}}}
	if role.SessionMode() != SessionsRequired || !role.UsesSessions() || role.RoleARN() != "arn:aws:iam::1:role/lfs" {
		t.Errorf("mode %s, sessions %t, role %q", role.SessionMode(), role.UsesSessions(), role.RoleARN())
	}
	if got := role.Spec.WebIdentity.TokenAudience(); got != "sts.amazonaws.com" {
		t.Errorf("the audience is %q", got)
	}
	keyed := &LFSStore{Spec: LFSStoreSpec{Sessions: &StoreSessions{RoleARN: "arn:aws:iam::1:role/chained"}}}
	if keyed.SessionMode() != SessionsAuto || keyed.UsesSessions() || keyed.RoleARN() != "arn:aws:iam::1:role/chained" {
		t.Errorf("mode %s, sessions %t, role %q", keyed.SessionMode(), keyed.UsesSessions(), keyed.RoleARN())
	}
}
