import { chosen } from "../words";

const english = {
  workspace: "Workspace",
  workspaces: "Workspaces",
  all: "All workspaces",
  loading: "Looking …",
  again: "Try again",
  noneOfThisName: (name: string) => `There is no workspace ${name}, or you are not a member of it.`,
  none: "You are a member of no workspace yet. Ask somebody who administers one for an invitation.",
  make: "Make a workspace",
  makeHelp: "1 to 63 lower-case letters, digits and inner hyphens.",
  name: "Name",
  yourRole: "your role",
  connectionLost: "The connection was lost; what you see may be old. Connecting again …",
  roles: { viewer: "viewer", developer: "developer", releaser: "releaser", admin: "administrator" } as Record<string, string>,
  service: "Service",
  state: "State",
  every: "all",
  older: "Older runs",
  noneFits: "No run fits this choice.",
  keys: "Keys: j and k choose, Enter opens.",
};

const chinese: typeof english = {
  workspace: "工作区",
  workspaces: "工作区",
  all: "所有工作区",
  loading: "正在读取 …",
  again: "重试",
  noneOfThisName: (name) => `没有名为 ${name} 的工作区，或者您不是其成员。`,
  none: "您还不是任何工作区的成员。请向工作区管理员索取邀请。",
  make: "新建工作区",
  makeHelp: "1 到 63 个小写字母、数字和中间连字符。",
  name: "名称",
  yourRole: "您的角色",
  connectionLost: "连接已断开，所见内容可能已过时。正在重连 …",
  roles: { viewer: "查看者", developer: "开发者", releaser: "发布者", admin: "管理员" },
  service: "服务",
  state: "状态",
  every: "全部",
  older: "更早的运行",
  noneFits: "没有符合条件的运行。",
  keys: "按键：j 和 k 选择，Enter 打开。",
};

export const words = chosen(english, chinese);
