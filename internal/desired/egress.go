package desired

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// A NetworkPolicy knows addresses and labels, no names. So a name in the cluster
// opens the namespace that it stands for, on any port, since policies look at the
// port of the pod and not of its Service. Any other name opens its port, wherever
// it leads; link-local addresses, where clouds keep the credentials of nodes, stay
// closed, also to those who write one into a manifest.

// anywhere but link-local, and the metadata service that some clouds have in IPv6.
var anywhere = []struct {
	cidr   string
	except []string
}{
	{"0.0.0.0/0", []string{"169.254.0.0/16"}},
	{"::/0", []string{"fe80::/10", "fd00:ec2::254/128"}},
}

// dnsPorts: 53, and where some clusters' DNS pods listen behind it.
var dnsPorts = []int32{53, 5353}

// apiServerPorts: that of its Service, and where it usually listens behind it.
var apiServerPorts = []int32{443, 6443}

// defaultPorts by scheme of a URL.
var defaultPorts = map[string]int32{"https": 443, "http": 80, "ssh": 22}

// reach is where the pods of a place may connect to.
type reach struct {
	domain    string // of the cluster
	namespace string // of the pods
	// ports open anywhere, addresses with a port, and namespaces as a whole.
	ports      map[int32]bool
	addresses  map[netip.AddrPort]bool
	namespaces map[string]bool
}

// egress is what the pods of a place need: DNS, and what the configuration names.
func egress(in Inputs, at Place) []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	r := newReach(in, at.Namespace)
	rules := []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{dnsRule()}
	if at == in.Server() {
		r.add(in.Location.Endpoint)
		if in.Store == nil && in.storage().WebIdentity != nil {
			r.add(in.storage().STSEndpoint())
		}
		r.addIdentities(in)
		if in.sessions() {
			rules = append(rules, sessionsRule(in.Store))
		}
	}
	if at == in.Tenant() {
		for _, entry := range in.Repository.Spec.History {
			r.add(entry.URL)
		}
		rules = append(rules, reportRule(in))
	}
	return append(rules, r.rules()...)
}

func newReach(in Inputs, namespace string) *reach {
	return &reach{
		domain: in.Install.ClusterDomain, namespace: namespace,
		ports: map[int32]bool{}, addresses: map[netip.AddrPort]bool{}, namespaces: map[string]bool{},
	}
}

// issuerEgress is what the issuer of a store's sessions needs: the STS, and the API
// server, which says whose a token is.
func issuerEgress(in Inputs) []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	r := newReach(in, in.Store.Spec.ServerNamespace)
	r.add(in.Store.STSEndpoint())
	r.add(in.Store.Spec.Endpoint)
	r.addAPIServer()
	return append([]*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{dnsRule()}, r.rules()...)
}

// probeEgress is what trying a store needs.
func probeEgress(in Inputs) []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	r := newReach(in, in.Store.Spec.ServerNamespace)
	r.add(in.Store.Spec.Endpoint)
	if in.Store.SessionMode() != v1alpha1.SessionsOff {
		r.add(in.Store.STSEndpoint())
	}
	return append([]*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{dnsRule()}, r.rules()...)
}

func (r *reach) addAPIServer() {
	for _, port := range apiServerPorts {
		r.ports[port] = true
	}
}

// addIdentities adds whom the server asks who somebody is.
func (r *reach) addIdentities(in Inputs) {
	if in.Repository.Spec.AdmitsServiceAccounts() {
		r.addAPIServer()
	}
	if a := in.Repository.Spec.Access; a != nil && a.JWT != nil {
		for _, issuer := range a.JWT.Issuers {
			r.add(issuer.URL)
		}
	}
}

// add takes a URL. One without a host, as of a mounted path, opens nothing.
func (r *reach) add(raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return
	}
	port := defaultPorts[u.Scheme]
	if n, err := strconv.ParseInt(u.Port(), 10, 32); err == nil {
		port = int32(n)
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); !addr.IsLinkLocalUnicast() && addr.Zone() == "" {
			r.addresses[netip.AddrPortFrom(addr, uint16(port))] = true
		}
		return
	}
	if namespace := r.inCluster(host); namespace != "" {
		r.namespaces[namespace] = true
		return
	}
	r.ports[port] = true
}

// inCluster is the namespace of a Service's name: service, service.namespace.svc
// or that with the cluster's domain. It is empty for any other name.
func (r *reach) inCluster(host string) string {
	labels := strings.Split(strings.TrimSuffix(host, "."+r.domain), ".")
	switch {
	case len(labels) == 1:
		return r.namespace
	case len(labels) >= 3 && labels[len(labels)-1] == "svc":
		return labels[len(labels)-2]
	}
	return ""
}

func (r *reach) rules() (out []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration) {
	for _, namespace := range sortedKeys(r.namespaces, strings.Compare) {
		out = append(out, networkingv1ac.NetworkPolicyEgressRule().WithTo(inNamespace(namespace)))
	}
	for _, a := range sortedKeys(r.addresses, netip.AddrPort.Compare) {
		block := networkingv1ac.IPBlock().WithCIDR(netip.PrefixFrom(a.Addr(), a.Addr().BitLen()).String())
		out = append(out, networkingv1ac.NetworkPolicyEgressRule().
			WithTo(networkingv1ac.NetworkPolicyPeer().WithIPBlock(block)).
			WithPorts(portNumber(corev1.ProtocolTCP, int32(a.Port()))))
	}
	if len(r.ports) == 0 {
		return out
	}
	rule := networkingv1ac.NetworkPolicyEgressRule()
	for _, a := range anywhere {
		rule.WithTo(networkingv1ac.NetworkPolicyPeer().WithIPBlock(networkingv1ac.IPBlock().WithCIDR(a.cidr).WithExcept(a.except...)))
	}
	for _, port := range sortedKeys(r.ports, cmp.Compare[int32]) {
		rule.WithPorts(portNumber(corev1.ProtocolTCP, port))
	}
	return append(out, rule)
}

func sortedKeys[K comparable](m map[K]bool, compare func(a, b K) int) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// dnsRule leads anywhere: a cache on each node has a link-local address.
func dnsRule() *networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	rule := networkingv1ac.NetworkPolicyEgressRule()
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		for _, port := range dnsPorts {
			rule.WithPorts(portNumber(protocol, port))
		}
	}
	return rule
}

// reportRule lets scans report to the server.
func reportRule(in Inputs) *networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	rule := networkingv1ac.NetworkPolicyEgressRule().WithPorts(portNumber(corev1.ProtocolTCP, serverconfig.PortAdmin))
	for _, labels := range in.servers() {
		rule.WithTo(inNamespace(in.Server().Namespace).WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(labels)))
	}
	return rule
}

// sessionsRule lets servers and jobs get their sessions.
func sessionsRule(store *v1alpha1.LFSStore) *networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	peer := networkingv1ac.NetworkPolicyPeer().WithPodSelector(metav1ac.LabelSelector().
		WithMatchLabels(SelectorLabels(IssuerName(store), ComponentSessions)))
	return networkingv1ac.NetworkPolicyEgressRule().WithTo(peer).
		WithPorts(portNumber(corev1.ProtocolTCP, serverconfig.PortAPI))
}

func inNamespace(name string) *networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	return networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector().
		WithMatchLabels(map[string]string{corev1.LabelMetadataName: name}))
}

func portNumber(protocol corev1.Protocol, port int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(protocol).WithPort(intstr.FromInt32(port))
}
