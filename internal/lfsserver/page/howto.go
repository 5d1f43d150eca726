package page

import (
	"fmt"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// start is how to use the repository, for everybody.
func (d document) start() g.Node {
	whose := "Any"
	if d.Public {
		whose = "Downloads need none. To push: any"
	}
	return section("start", "Start using it",
		h.Ol(h.Class("steps"),
			h.Li(h.H3(g.Text("Give git your token")),
				para(whose+" user name, and the token as password, when git asks. With access to the namespace in Kubernetes, take it from the Secret:"),
				block(
					fmt.Sprintf("kubectl -n %s get secret %s -o jsonpath='{.data.git-credentials}' \\", d.Namespace, d.AccessSecret),
					"  | base64 -d >> ~/.git-credentials",
					"git config --global credential.helper store",
				)),
			h.Li(h.H3(g.Text("Point your repository here")),
				para("Both files belong into Git, so that every clone finds its way."),
				block(
					"git lfs install",
					d.setURL(),
					d.curl()+"/.gitattributes >> .gitattributes",
					"git add .lfsconfig .gitattributes",
					`git commit -m "Keep large files in Git LFS"`,
				)),
			h.Li(h.H3(g.Text("Work as ever")),
				para("Whatever ", code(".gitattributes"), " names goes to LFS with the next commit."),
				block("git add model.safetensors", `git commit -m "A first model"`, "git push")),
		),
		h.H3(g.Text("Other clients and cases")),
		d.move(), d.agent(), d.python(), d.javaScript(), d.ci(), d.pod(), d.jwt(),
	)
}

func (d document) setURL() string { return "git config -f .lfsconfig lfs.url " + d.URL }

// curl asks for the token where one is needed.
func (d document) curl() string {
	if d.Public {
		return "curl -fsS " + d.URL
	}
	return "curl -fsS -u any " + d.URL
}

func (d document) move() g.Node {
	return more("Move objects here from another LFS server",
		para("Fetch all of them while ", code("lfs.url"), " still names the old server, then push all to the new one."),
		block("git lfs fetch --all", d.setURL(), "git lfs push --all origin"))
}

func (d document) agent() g.Node {
	return more("Large files in parallel parts",
		para("git-lfs sends each file in one piece. With a transfer agent called ", code("multipart"), ", files above ",
			volume(d.MultipartThreshold), " go up in parts, several at a time. Hugging Face's agent will do:"),
		block(
			"pip install huggingface_hub",
			"git config --global lfs.customtransfer.multipart.path hf",
			"git config --global lfs.customtransfer.multipart.args lfs-multipart-upload",
		))
}

func (d document) python() g.Node {
	return more("Hugging Face, Python",
		para(code("preupload_lfs_files"), " asks this server which files belong in LFS and uploads those, in parts where they are large. "+
			"The commit with their pointers stays with Git."),
		block(
			"# pip install huggingface_hub; export HF_HUB_DISABLE_XET=1",
			"from huggingface_hub import CommitOperationAdd, HfApi",
			"",
			fmt.Sprintf(`api = HfApi(endpoint="%s", token=TOKEN)`, d.Base),
			"api.preupload_lfs_files(",
			fmt.Sprintf(`    "%s/%s",`, d.Namespace, d.Name),
			`    additions=[CommitOperationAdd("model.safetensors", "./model.safetensors")],`,
			")",
		))
}

func (d document) javaScript() g.Node {
	return more("Hugging Face, JavaScript",
		para(code("@huggingface/hub"), " ends each upload with a commit, so let ", code("hubUrl"), " be a host that takes commits and passes ",
			code("/api/…/preupload/"), " and ", code("….git/info/lfs/"), " on to this one."),
		block(
			"// npm install @huggingface/hub",
			`import { uploadFiles } from "@huggingface/hub";`,
			"",
			"await uploadFiles({",
			fmt.Sprintf(`  hubUrl: "https://hub.example.com", repo: "%s/%s", useXet: false,`, d.Namespace, d.Name),
			`  files: [{ path: "model.safetensors", content: new Blob([data]) }],`,
			"  fetch: (url, init) =>",
			"    fetch(url, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${TOKEN}` } }),",
			"});",
		))
}

func (d document) ci() g.Node {
	return more("Continuous integration",
		para("With the token in the variable ", code("LFS_TOKEN"), ", nothing is written to disk:"),
		block(append(d.helper("ci", "$LFS_TOKEN"), "git lfs pull")...))
}

// helper has git take the password from what a shell makes of an expression.
func (d document) helper(user, password string) []string {
	return []string{
		fmt.Sprintf(`git config --global credential.%s.helper \`, d.Base),
		fmt.Sprintf(`  '!f() { echo username=%s; echo "password=%s"; }; f'`, user, password),
	}
}

// pod is for what runs in the cluster, where ServiceAccounts are let in.
func (d document) pod() g.Node {
	if d.ServiceAccountAudience == "" {
		return nil
	}
	return more("A pod in the cluster, without a Secret",
		para("Its ServiceAccount needs a Role with the verb ", code("pull"), " or ", code("push"), " on ",
			code("lfsrepositories.lfs-operator.dev"), " ", code(d.Name), " in the namespace ", code(d.Namespace),
			". Kubernetes keeps the token fresh:"),
		block(
			"volumes:",
			"- name: lfs",
			"  projected:",
			"    sources:",
			fmt.Sprintf(`    - serviceAccountToken: {path: token, audience: "%s"}`, d.ServiceAccountAudience),
		),
		para("Mounted at ", code("/var/run/lfs"), ", it is the password:"),
		block(append(d.helper("pod", "$(cat /var/run/lfs/token)"), "git lfs pull")...))
}

// jwt is for jobs that get a token of their own from the CI system.
func (d document) jwt() g.Node {
	if len(d.Issuers) == 0 {
		return nil
	}
	return more("Continuous integration, with a JSON Web Token",
		para("Nothing has to be kept as a secret: the job asks its issuer for a token that names one of the audiences."),
		rows(g.Map(d.Issuers, func(i Issuer) g.Node {
			kind := "own keys"
			if i.OIDC {
				kind = "OpenID Connect"
			}
			return row(i.Name, kind+", audience ", code(strings.Join(i.Audiences, ", ")))
		})),
		para("With the token in the variable ", code("LFS_JWT"), ":"),
		block(append(d.helper("_jwt", "$LFS_JWT"), "git lfs pull")...))
}
